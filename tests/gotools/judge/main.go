// Judge tells what Flux and Argo CD make of Kubernetes objects, one JSON line in, one out.
//
// kstatus is the very library that Flux's controllers and Helm 4 call. Argo CD's health is a script
// run in the Lua that Argo CD embeds, with the libraries, the time limit and the order of questions
// that Argo CD has; see argo.go.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// question is one line of the input.
type question struct {
	Object json.RawMessage `json:"object"`
	// Script is the health.lua for it; without one, Argo CD is not asked.
	Script string `json:"script,omitempty"`
	// OpenLibs allows the script all libraries, as Argo CD does for the scripts it brings itself.
	OpenLibs bool `json:"openLibs,omitempty"`
}

// verdict is one line of the output.
type verdict struct {
	Kstatus view  `json:"kstatus"`
	Argo    *view `json:"argo,omitempty"`
}

// view is what one tool sees.
type view struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := judgeAll(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

func judgeAll(in io.Reader, out io.Writer) error {
	questions, answers := json.NewDecoder(in), bufio.NewWriter(out)
	defer answers.Flush()
	for number := 1; ; number++ {
		var asked question
		if err := questions.Decode(&asked); errors.Is(err, io.EOF) {
			return answers.Flush()
		} else if err != nil {
			return fmt.Errorf("object %d: %w", number, err)
		}
		found, err := judge(asked)
		if err != nil {
			return fmt.Errorf("object %d: %w", number, err)
		}
		if err := json.NewEncoder(answers).Encode(found); err != nil {
			return err
		}
	}
}

func judge(asked question) (verdict, error) {
	var object unstructured.Unstructured
	// Numbers become int64 as with a real client: kstatus sees no other generations.
	if err := object.UnmarshalJSON(asked.Object); err != nil {
		return verdict{}, err
	}
	result, err := status.Compute(&object)
	if err != nil {
		return verdict{}, err
	}
	found := verdict{Kstatus: view{Status: result.Status.String(), Message: result.Message}}
	if asked.Script == "" {
		return found, nil
	}
	health, err := argoHealth(&object, asked.Script, asked.OpenLibs)
	found.Argo = &health
	return found, err
}
