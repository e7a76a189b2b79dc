"""The commands as a user runs them: files in, text and exit codes out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from cosmos3_operator import __version__
from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.catalog.load import load
from cosmos3_operator.cli.main import COMMANDS, main
from cosmos3_operator.cli.render import NO_UID

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
HEAD = "apiVersion: serving.cosmos3.io/v1alpha1\n"

GOOD = HEAD + "kind: CosmosReasoner\nmetadata: {name: good}\nspec: {model: nvidia/Cosmos3-Nano}\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\n"


def run(*args: str, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(main, list(args), input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def spec_of(text: str, kind: str = "CosmosGenerator", name: str = "x") -> str:
    return f"{HEAD}kind: {kind}\nmetadata: {{name: {name}}}\nspec: {text}\n"


def render(*args: str, stdin: str | None = None) -> list[dict[str, Any]]:
    result = run("render", *args, stdin=stdin)
    assert result.exit_code == 0, result.output
    return list(yaml.safe_load_all(result.stdout))


def test_version_and_help():
    assert run("--version").output == f"cosmos3-operator {__version__}\n"
    for name, words in COMMANDS.items():
        assert words in run("--help").output
        if name != "run":
            assert run(name, "--help").exit_code == 0


def test_commands_start_without_the_operators_imports():
    args = ["validate", "-f", str(EXAMPLES / "cosmosreasoner.yaml")]
    script = (
        "import sys\n"
        "from cosmos3_operator.cli.main import main\n"
        f"main({args!r}, standalone_mode=False)\n"
        "assert not {'kopf', 'aiohttp'} & set(sys.modules), 'slow imports'\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_python_m():
    for module in ("cosmos3_operator", "cosmos3_operator.cli"):
        command = [sys.executable, "-m", module, "--version"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert __version__ in done.stdout


def test_every_example_is_valid():
    result = run("validate", "-f", str(EXAMPLES))
    assert result.exit_code == 0, result.output
    for path in EXAMPLES.glob("*.yaml"):
        assert f"{path}: " in result.stdout
    assert all(line.endswith(": OK") for line in result.stdout.splitlines())


def test_example_names_do_not_collide():
    found = [
        (document["kind"], document["metadata"]["name"])
        for path in EXAMPLES.glob("*.yaml")
        for document in yaml.safe_load_all(path.read_text())
    ]
    assert len(set(found)) == len(found)


def test_every_example_is_listed():
    readme = (EXAMPLES / "README.md").read_text()
    assert [p.name for p in EXAMPLES.glob("*.yaml") if f"]({p.name})" not in readme] == []


def test_the_smallest_resource_has_at_most_four_lines_of_spec():
    text = (EXAMPLES / "generator-nano.yaml").read_text()
    assert len(text.partition("\nspec:\n")[2].splitlines()) <= 4


def test_render_says_nothing_else_on_stdout():
    result = run("render", "-f", "-", stdin=f"{SECRET}---\n{GOOD}")
    kinds = [document["kind"] for document in yaml.safe_load_all(result.stdout)]
    assert kinds == ["NetworkPolicy", "Service", "Deployment"]
    assert result.stderr == "-: Secret/token: not a Cosmos kind, ignored\n"


def test_render_json_is_one_list():
    result = run("render", "-f", "-", "-o", "json", stdin=GOOD)
    whole = json.loads(result.stdout)
    assert whole["kind"] == "List"
    assert whole["items"] == render("-f", "-", stdin=GOOD)


def test_render_takes_the_namespace_only_where_none_is_named():
    named = GOOD.replace("{name: good}", "{name: other, namespace: theirs}")
    objects = render("-f", "-", "-n", "mine", stdin=f"{GOOD}---\n{named}")
    assert [o["metadata"]["namespace"] for o in objects] == ["mine"] * 3 + ["theirs"] * 3
    assert render("-f", "-", stdin=GOOD)[0]["metadata"]["namespace"] == "default"


def test_render_marks_the_uid_that_it_cannot_know():
    for stdin, uid in (
        (GOOD, NO_UID),
        (GOOD.replace("{name: good}", "{name: good, uid: a-b-c}"), "a-b-c"),
    ):
        owners = {
            o["metadata"]["ownerReferences"][0]["uid"] for o in render("-f", "-", stdin=stdin)
        }
        assert owners == {uid}


def test_render_prints_nothing_if_anything_is_wrong():
    result = run("render", "-f", "-", stdin=f"{GOOD}---\n{spec_of('{model: x}')}")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "-: CosmosGenerator/x: spec.model: " in result.stderr


def test_a_folder_several_files_and_a_list(tmp_path: Path):
    (tmp_path / "a.yaml").write_text(GOOD)
    items = [yaml.safe_load(GOOD)]
    (tmp_path / "b.json").write_text(json.dumps({"kind": "List", "items": items}))
    (tmp_path / "c.txt").write_text("not: read")
    assert len(render("-f", str(tmp_path))) == 6
    assert len(render("-f", str(tmp_path / "a.yaml"), "-f", str(tmp_path / "b.json"))) == 6


def test_long_texts_are_readable_blocks():
    text = run("render", "-f", str(EXAMPLES / "generator-nano.yaml")).stdout
    assert "import json, os, re, sys" in text
    # A program may hold the escape itself; a text on one line would hold one for each of its lines.
    assert max(line.count("\\n") for line in text.splitlines()) < 3


def test_validate_names_every_error_with_file_object_and_field(tmp_path: Path):
    path = tmp_path / "bad.yaml"
    bad = "{model: nvidia/Cosmos3-Super, replica: 2, parallelism: {cfg: 3}, drainSeconds: '5'}"
    path.write_text(f"{GOOD}---\n{spec_of(bad)}---\n{spec_of('{}', 'CosmosReasoner', 'y')}")
    result = run("validate", "-f", str(path))
    assert result.exit_code == 1
    assert result.stdout == f"{path}: CosmosReasoner/good: OK\n"
    found = [line.removeprefix(f"{path}: ").split(": ")[:2] for line in result.stderr.splitlines()]
    assert found == [
        ["CosmosGenerator/x", "spec.drainSeconds"],
        ["CosmosGenerator/x", "spec.parallelism.cfg"],
        ["CosmosGenerator/x", "spec.replica"],
        ["CosmosReasoner/y", "spec.model"],
    ]


def test_validate_gives_the_planners_refusals_too():
    text = spec_of("{model: nvidia/Cosmos3-Nano, guardrails: {offloadModels: true}}")
    result = run("validate", "-f", "-", stdin=text)
    assert result.exit_code == 1
    assert "CosmosGenerator/x: spec.guardrails.offloadModels: " in result.stderr


def test_validate_warns_and_still_succeeds():
    result = run("validate", "-f", "-", stdin=spec_of("{model: nvidia/Cosmos3-Nano}"))
    assert result.exit_code == 0
    assert result.stdout == "-: CosmosGenerator/x: OK\n"
    assert result.stderr.startswith("-: CosmosGenerator/x: warning: guardrails: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: [1\nc: 2\n", "-:3:2: expected ',' or ']'"),
        ("kind: x\nmetadata:\n  name: a\n  name: b\n", "-:4:3: the key 'name' is written twice"),
        ("- 1\n", "-: document 1 is no Kubernetes object"),
        ("a: 1\nb: \x07\n", "-:2: special characters"),
        ("a: !!int x\n", "-: invalid literal"),
        ("a: !!python/object:os.x {}\n", "-:1:4: could not determine a constructor"),
        (SECRET, "no CosmosGenerator or CosmosReasoner in -"),
        ("", "no CosmosGenerator or CosmosReasoner in -"),
    ],
)
def test_unreadable_input_is_one_line_and_exit_code_2(text: str, words: str):
    for command in ("validate", "render", "plan"):
        result = run(command, "-f", "-", stdin=text)
        assert result.exit_code == 2
        last = result.stderr.splitlines()[-1]
        assert last.startswith(f"Error: {words}"), last
        assert result.stdout == ""


def test_files_that_cannot_be_read(tmp_path: Path):
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff\xfe\n")
    (tmp_path / "empty").mkdir()
    for name, words in (
        ("absent.yaml", "No such file"),
        ("latin.yaml", "no UTF-8"),
        ("empty", "no .yaml"),
    ):
        result = run("validate", "-f", str(tmp_path / name))
        assert result.exit_code == 2
        assert words in result.stderr


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "{metadata: x}",
        "{metadata: {name: [1], generation: x}, spec: 5}",
        "{metadata: {name: 5}, spec: [1]}",
        "{metadata: {name: a}, spec: {model: {a: 1}, parallelism: [1], replicas: .inf}}",
        "{metadata: {name: a}, spec: {1: 2, null: 3, true: 4}}",
        "{metadata: {name: a}, spec: {model: 2026-01-01}}",
    ],
)
def test_nonsense_gets_an_answer(body: str):
    for kind in ("CosmosGenerator", "CosmosReasonr"):
        text = f"{HEAD}kind: {kind}\n" + yaml.safe_dump(yaml.safe_load(body)).replace("{}\n", "")
        assert run("validate", "-f", "-", stdin=text).exit_code == 1


def test_anchors_and_merge_keys_are_no_doubled_keys():
    text = (
        "kind: List\nitems:\n"
        "- &a {apiVersion: serving.cosmos3.io/v1alpha1, kind: CosmosReasoner,"
        " metadata: {name: a}, spec: &s {model: nvidia/Cosmos3-Nano, replicas: 1}}\n"
        "- &b {<<: *a, metadata: {name: b}, spec: {<<: *s, replicas: 2}}\n"
        "- {<<: *b, metadata: {name: c}}\n"
    )
    objects = render("-f", "-", stdin=text)
    replicas = [o["spec"]["replicas"] for o in objects if o["kind"] == "Deployment"]
    assert replicas == [1, 2, 2]


def test_values_are_read_as_the_api_server_reads_them():
    annotations = "{pod: {annotations: {day: 2026-01-01, 7: seven}}, model: nvidia/Cosmos3-Nano}"
    deployment = render("-f", "-", stdin=spec_of(annotations, "CosmosReasoner"))[-1]
    found = deployment["spec"]["template"]["metadata"]["annotations"]
    assert {str(k): str(v) for k, v in found.items()} == {"day": "2026-01-01", "7": "seven"}


NODES = "- {count: 2, gpus: 8, product: NVIDIA-H100-80GB-HBM3, memoryMiB: 81559}\n"
LIVE_NODE = {
    "kind": "Node",
    "metadata": {"labels": {"nvidia.com/gpu.product": "NVIDIA-L40S"}},
    "status": {"allocatable": {"cpu": "64", "nvidia.com/gpu": "4"}},
}


def test_plan_explains():
    text = run("plan", "-f", str(EXAMPLES / "cosmosgenerator.yaml")).stdout
    assert "tensor 4 × cfg 2 × ulysses 1 = 8 GPUs" in text
    assert "Enabled (the server's default)" in text
    assert "s to download" in text
    assert "not known here" in text
    assert "No warnings" in text


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        (NODES, "one replica fits a node"),
        (json.dumps({"kind": "List", "items": [LIVE_NODE] * 2}), "2 × 4 NVIDIA-L40S"),
        (json.dumps(LIVE_NODE), "4 GPUs short"),
        ("[]", "no schedulable node offers nvidia.com/gpu"),
    ],
)
def test_plan_on_given_nodes(tmp_path: Path, nodes: str, words: str):
    (tmp_path / "nodes.yaml").write_text(nodes)
    example = str(EXAMPLES / "cosmosgenerator.yaml")
    result = run("plan", "-f", example, "--nodes", str(tmp_path / "nodes.yaml"))
    assert result.exit_code == 0
    assert words in " ".join(result.stdout.split())


def test_render_follows_the_drivers_of_given_nodes(tmp_path: Path):
    nodes = tmp_path / "nodes.yaml"
    nodes.write_text("- {gpus: 8, product: NVIDIA-H200, memoryMiB: 143771, cuda: 12.8}\n")
    example = str(EXAMPLES / "cosmosreasoner.yaml")
    assert "-cu129" in run("render", "-f", example, "--nodes", str(nodes)).stdout
    assert "-cu129" not in run("render", "-f", example).stdout


@pytest.mark.parametrize("nodes", ["- {count: 2}\n", "a: 1\n", "- 5\n", GOOD])
def test_plan_says_what_nodes_must_look_like(tmp_path: Path, nodes: str):
    (tmp_path / "nodes.yaml").write_text(nodes)
    result = run("plan", "-f", "-", "--nodes", str(tmp_path / "nodes.yaml"), stdin=GOOD)
    assert result.exit_code == 2
    assert "kubectl get nodes -o yaml" in result.stderr


def deployment_of(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [one for one in objects if one["kind"] == "Deployment"]
    return found


def test_plan_and_render_keep_what_is_noted_on_given_deployments(tmp_path: Path):
    example, live = str(EXAMPLES / "cosmosreasoner.yaml"), tmp_path / "live.yaml"
    nodes = tmp_path / "nodes.yaml"
    nodes.write_text("- {gpus: 8, product: NVIDIA-H200, memoryMiB: 143771, cuda: 12.8}\n")
    made = deployment_of(render("-f", example, "--nodes", str(nodes)))
    live.write_text(json.dumps({"kind": "List", "items": [made]}))
    assert deployment_of(render("-f", example, "--deployments", str(live))) == made
    assert deployment_of(render("-f", example)) != made
    shown = run("plan", "-f", example, "--deployments", str(live)).stdout
    assert "as decided when it was first planned" in shown
    # A Deployment of another name, or in another namespace, says nothing.
    made["metadata"]["namespace"] = "elsewhere"
    live.write_text(json.dumps(made))
    assert deployment_of(render("-f", example, "--deployments", str(live))) == deployment_of(
        render("-f", example)
    )


@pytest.mark.parametrize(
    ("live", "words"),
    [
        (GOOD, "CosmosReasoner/good is no Deployment"),
        ("kind: Deployment\n", "Deployment/(no name) is not as kubectl prints it"),
        ("kind: Deployment\nmetadata: {name: a}\nspec: {template: 5}\n", "is not as kubectl"),
    ],
)
def test_plan_says_what_deployments_must_look_like(tmp_path: Path, live: str, words: str):
    (tmp_path / "live.yaml").write_text(live)
    result = run("plan", "-f", "-", "--deployments", str(tmp_path / "live.yaml"), stdin=GOOD)
    assert result.exit_code == 2
    assert words in result.stderr


def test_what_is_not_known_is_not_rendered(tmp_path: Path):
    live = tmp_path / "live.yaml"
    made = deployment_of(render("-f", "-", stdin=GOOD))
    noted = json.loads(made["metadata"]["annotations"]["serving.cosmos3.io/runtime"])
    noted["version"] = "0.99.0"
    made["metadata"]["annotations"]["serving.cosmos3.io/runtime"] = json.dumps(noted)
    made["status"] = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1)
    live.write_text(json.dumps(made))
    kinds = [one["kind"] for one in render("-f", "-", "--deployments", str(live), stdin=GOOD)]
    assert "Service" in kinds
    assert "Deployment" not in kinds
    shown = run("plan", "-f", "-", "--deployments", str(live), stdin=GOOD).stdout
    assert "as in the Deployment" in shown


def test_plan_explains_what_it_can_and_still_fails():
    result = run("plan", "-f", "-", stdin=f"{GOOD}---\n{spec_of('{}')}")
    assert result.exit_code == 1
    assert "CosmosReasoner default/good" in result.stdout
    assert "spec.model" in result.stderr


def test_runtimes_are_a_table():
    head, *lines = run("runtimes").stdout.splitlines()
    columns = [head.index(word) for word in head.split()]
    assert len(lines) == len(load().runtimes)
    for line in lines:
        assert all(column == 0 or line[column - 1] == " " for column in columns), line
        assert line == line.rstrip()
    assert sum("Generator*" in line for line in lines) == 1
    (omni,) = [line for line in lines if "vllm-omni 0.30.0" in line]
    assert omni.split()[0] == "0.30.0"
    assert omni.endswith("deploy config  vllm/vllm-omni:v0.30.0")


def test_crds_are_printed_and_written(tmp_path: Path):
    printed = list(yaml.safe_load_all(run("crds").stdout))
    result = run("crds", "--output", str(tmp_path / "crds"))
    written = [yaml.safe_load(Path(line).read_text()) for line in result.stdout.splitlines()]
    assert printed == written
    assert {crd["spec"]["names"]["kind"] for crd in printed} == {
        "CosmosGenerator",
        "CosmosReasoner",
    }


def test_crds_into_a_place_that_cannot_be(tmp_path: Path):
    (tmp_path / "file").write_text("")
    result = run("crds", "--output", str(tmp_path / "file" / "crds"))
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


WITH_TOKEN = spec_of("{model: nvidia/Cosmos3-Nano, huggingFace: {tokenSecretRef: {name: t}}}")


def test_the_preflight_image_reaches_plan_and_render():
    for env, words in (
        ({}, ["--preflight-image", "example/operator:1"]),
        ({"COSMOS3_PREFLIGHT_IMAGE": "example/operator:1"}, []),
    ):
        for command, sign in (("render", "kind: Job"), ("plan", "example/operator:1")):
            args = [command, *words, "-f", "-"]
            result = CliRunner().invoke(main, args, input=WITH_TOKEN, env=env)
            assert result.exit_code == 0, result.output
            assert sign in result.output
    assert "kind: Job" not in run("render", "-f", "-", stdin=WITH_TOKEN).output


@pytest.mark.parametrize("command", ["run", "render", "plan"])
def test_a_preflight_image_is_an_image(command: str):
    given = ["-f", str(EXAMPLES / "cosmosreasoner.yaml")] if command != "run" else []
    result = run(command, *given, "--preflight-image", "https://example.com/a b")
    assert result.exit_code == 2
    assert "must be an image reference such as" in result.output


def test_explain_lists_every_reason_with_one_line():
    output = run("explain").output
    assert all(output.count(f"  {reason} ") == 1 for reason in Reason)
    assert max(map(len, output.splitlines())) <= 125


@pytest.mark.parametrize("spelled", ["OutOfMemory", "outofmemory", " OUTOFMEMORY "])
def test_explain_prints_a_page_however_the_reason_is_capitalised(spelled: str):
    output = run("explain", spelled).output
    assert output.startswith("OutOfMemory (The server; Warning event; seen in Ready)\n")
    for title in ("What it means:", "How the operator knows:", "What to do:"):
        assert f"\n{title}\n  " in output
    assert "spec.pod.resources.limits.memory" in output


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("OutofMemry", "OutOfMemory?"),
        ("token", "HuggingFaceTokenMissing or HuggingFaceTokenRejected?"),
        ("qqq", "Without a word, all are listed."),
    ],
)
def test_explain_says_what_was_perhaps_meant(asked: str, hint: str):
    result = run("explain", asked)
    assert result.exit_code == 2
    assert hint in " ".join(result.output.split())
