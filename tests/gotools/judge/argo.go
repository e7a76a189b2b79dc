package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// longest is what Argo CD allows a script.
const longest = time.Second

// known are the words that Argo CD takes for a health status.
var known = []string{"Healthy", "Progressing", "Suspended", "Degraded", "Missing", "Unknown"}

// argoHealth answers as Argo CD: what is being deleted needs no script, and a script that says
// anything else than a known status makes the health Unknown.
func argoHealth(object *unstructured.Unstructured, script string, openLibs bool) (view, error) {
	if object.GetDeletionTimestamp() != nil {
		return view{Status: "Progressing", Message: "Pending deletion"}, nil
	}
	state := newState(openLibs)
	defer state.Close()
	limit, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	state.SetContext(limit)
	state.SetGlobal("obj", luajson.DecodeValue(state, floats(object.Object)))
	if err := state.DoString(script); err != nil {
		return view{}, fmt.Errorf("the script fails: %w", err)
	}
	return viewOf(state.Get(-1))
}

// newState has the libraries that Argo CD gives to scripts of users: no strings, no maths, no files.
func newState(openLibs bool) *lua.LState {
	state := lua.NewState(lua.Options{SkipOpenLibs: !openLibs})
	if openLibs {
		return state
	}
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage,
		lua.BaseLibName: lua.OpenBase,
		lua.TabLibName:  lua.OpenTable,
	} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	return state
}

func viewOf(returned lua.LValue) (view, error) {
	if returned.Type() != lua.LTTable {
		return view{}, fmt.Errorf("the script returns a %s, not a table", returned.Type())
	}
	text, err := luajson.Encode(returned)
	if err != nil {
		return view{}, err
	}
	var found view
	if err := json.Unmarshal(text, &found); err != nil {
		return view{}, err
	}
	if !slices.Contains(known, found.Status) {
		return view{Status: "Unknown", Message: "the script says " + found.Status}, nil
	}
	return found, nil
}

// floats turns whole numbers into the only kind that Lua has.
func floats(value any) any {
	switch value := value.(type) {
	case int64:
		return float64(value)
	case map[string]any:
		copied := make(map[string]any, len(value))
		for name, inner := range value {
			copied[name] = floats(inner)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for place, inner := range value {
			copied[place] = floats(inner)
		}
		return copied
	default:
		return value
	}
}
