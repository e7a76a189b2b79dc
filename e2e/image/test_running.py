"""What the image does where a cluster is strict: read-only root, no capability, any user."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from bed import api as bed
from support.api import Api, ready
from support.container import Container, Image
from support.kubectl import ROOT
from support.resources import reasoner
from support.waiting import eventually

EXAMPLES = {ROOT / "examples": "/examples"}
CHECKOUT = Path(sys.executable).with_name("cosmos3-operator")
UNNAMED = "1000650000:0"
"""A user as OpenShift chooses one: no entry in /etc/passwd, group 0."""

LOOK_AROUND = """
import getpass, json, os, pathlib
status = dict(
    line.split(":\\t", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines()
)
try:
    pathlib.Path("/opt/cosmos3-operator/x").touch()
    wrote = "written"
except OSError as error:
    wrote = error.strerror
print(json.dumps({
    "uid": os.getuid(), "gid": os.getgid(), "name": getpass.getuser(), "wrote": wrote,
    "capabilities": [status[name].strip() for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")],
    "no_new_privileges": status["NoNewPrivs"].strip(),
}))
"""


def look_around(image: Image, user: str | None) -> dict[str, Any]:
    """What a process of the image sees of its own rights."""
    done = image.run("-c", LOOK_AROUND, entrypoint=["/opt/cosmos3-operator/bin/python"], user=user)
    assert done.code == 0, done.errors
    found: dict[str, Any] = json.loads(done.output)
    return found


@pytest.mark.parametrize(
    ("user", "uid", "gid"), [(None, 65532, 65532), (UNNAMED, 1000650000, 0)], ids=["own", "unnamed"]
)
def test_it_runs_without_any_right_and_under_any_user(
    image: Image, user: str | None, uid: int, gid: int
) -> None:
    assert look_around(image, user) == {
        "uid": uid,
        "gid": gid,
        "name": "cosmos3",
        "wrote": "Read-only file system",
        "capabilities": ["0000000000000000"] * 4,
        "no_new_privileges": "1",
    }


def test_its_user_has_a_name_and_no_shell(image: Image) -> None:
    entries = (image.root / "etc" / "passwd").read_text("utf-8").splitlines()
    (entry,) = (line.split(":") for line in entries if ":65532:" in line)
    assert entry[0] == "cosmos3"
    assert entry[5:] == ["/nonexistent", "/usr/sbin/nologin"]


def test_help_names_the_commands(image: Image) -> None:
    done = image.run("--help")
    assert (done.code, done.errors) == (0, "")
    assert all(word in done.output for word in ("run", "render", "plan", "validate", "crds"))


def test_validate_takes_every_example_and_refuses_nonsense(image: Image, tmp_path: Path) -> None:
    names = sorted(path.name for path in (ROOT / "examples").glob("*.yaml"))
    done = image.run("validate", *(f"-f/examples/{name}" for name in names), mounts=EXAMPLES)
    assert done.code == 0, done.output + done.errors
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(json.dumps(reasoner("nano", "default", replicas=-1)), "utf-8")
    tmp_path.chmod(0o755)
    refused = image.run("validate", "-f/given/wrong.yaml", mounts={tmp_path: "/given"})
    assert refused.code == 1
    assert "replicas" in refused.output + refused.errors


@pytest.mark.parametrize("command", ["plan", "render"])
@pytest.mark.parametrize("example", ["generator-super-latency", "reasoner-nano"])
def test_it_answers_as_the_checkout_does(image: Image, command: str, example: str) -> None:
    done = image.run(command, f"-f/examples/{example}.yaml", mounts=EXAMPLES)
    checkout = subprocess.run(
        [CHECKOUT, command, f"-fexamples/{example}.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.code == 0, done.errors
    assert done.output.replace("/examples/", "examples/") == checkout.stdout


def test_it_needs_no_shell(image: Image, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.touch(mode=0o644)
    found = [image.root / "usr" / "bin" / name for name in ("dash", "bash")]
    shells = [path for path in found if path.exists()]
    assert shells, "this image has no shell to hide: find another way to show that none is needed"
    for shell in shells:
        done = image.run(
            *("validate", "-f/examples/reasoner-nano.yaml"),
            mounts={**EXAMPLES, nothing: f"/usr/bin/{shell.name}"},
        )
        assert done.code == 0, done.errors


def test_run_is_what_it_does_unless_told_otherwise(image: Image) -> None:
    assert image.arguments == ["run"]
    done = image.run(*image.arguments)
    assert done.code == 1
    assert "kubeconfig" in done.errors.lower()


class Hub(BaseHTTPRequestHandler):
    """A hub that grants everything to everybody."""

    def do_GET(self) -> None:
        """Say yes."""
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


@pytest.fixture
def hub() -> Iterator[str]:
    """The address of a hub."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_it_serves_as_the_image_of_preflight_jobs(image: Image, hub: str) -> None:
    example = ROOT / "examples" / "generator-nano.yaml"
    rendered = subprocess.run(
        [CHECKOUT, "render", f"-f{example}", "--preflight-image=any:1"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (job,) = (found for found in yaml.safe_load_all(rendered) if found["kind"] == "Job")
    (asking,) = job["spec"]["template"]["spec"]["containers"]
    done = image.run(
        entrypoint=asking["command"], environment={"HF_ENDPOINT": hub, "HF_TOKEN": "hf_x"}
    )
    assert done.code == 0, done.output + done.errors
    assert json.loads(done.output)["reason"] == "AccessGranted"


def test_it_knows_certificate_authorities(image: Image) -> None:
    program = "import ssl; print(len(ssl.create_default_context().get_ca_certs()))"
    assert int(image.run("-I", "-c", program, entrypoint=["python3"]).output) > 50


@pytest.fixture(scope="session")
def account(cluster: bed.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the kubelet mounts into a pod: token, authority and namespace of a service account."""
    cluster.kubectl("create", "serviceaccount", "operator", "--namespace=default")
    # Which rights suffice is the chart's business and tested there.
    cluster.kubectl(
        *("create", "clusterrolebinding", "operator"),
        *("--clusterrole=cluster-admin", "--serviceaccount=default:operator"),
    )
    folder = tmp_path_factory.mktemp("account")
    token = cluster.kubectl("create", "token", "operator", "--namespace=default").strip()
    (folder / "token").write_text(token, "utf-8")
    (folder / "ca.crt").write_bytes(cluster.ca.read_bytes())
    (folder / "namespace").write_text("default", "utf-8")
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


@pytest.fixture(params=["65532:65532", UNNAMED], ids=["own", "unnamed"])
def pod(
    request: pytest.FixtureRequest, image: Image, cluster: bed.Cluster, account: Path
) -> Iterator[Container]:
    """A container that finds its API server and its account as a pod does."""
    host, _, port = cluster.server.removeprefix("https://").partition(":")
    with image.container(
        *("run", "--listen=127.0.0.1:0", "--log-format=json"),
        user=request.param,
        mounts={account: "/var/run/secrets/kubernetes.io/serviceaccount"},
        environment={"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port},
    ) as container:
        yield container


def test_it_reconciles_and_stops_when_told(
    pod: Container, api: Api, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    namespace = api.namespace(request.node.callspec.id)
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(pod.command, stdout=output, stderr=output)
    eventually(
        lambda: (process.poll(), log.read_text()),
        lambda seen: seen[0] is not None or "all watches run" in seen[1],
        what="the operator's start",
    )
    assert process.poll() is None, log.read_text()
    resource = reasoner("nano", namespace)
    api.create(resource)
    served = eventually(
        lambda: api.get(api.path(resource)) or {},
        lambda seen: ready(seen).get("status") == "True",
        what="Ready",
    )
    assert ready(served)["reason"] == "Serving"
    assert {child["kind"] for child in api.children(namespace)} >= {"Deployment", "Service"}
    api.delete(api.path(resource))
    pod.signal("TERM")
    assert process.wait(timeout=60) == 0, log.read_text()
