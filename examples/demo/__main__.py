"""`make demo`: control plane, CRDs, operator, three resources, and a check that each ends right.

Nothing is simulated but the nodes: API server, scheduler, controllers and operator are real. Exit
code 0 if every resource reached its right state, 1 otherwise. Everything keeps running afterwards,
so that one can look around; `--down` ends it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from bed import api as bed
from bed.errors import BedError
from bed.processes import spawn, wait_until
from bed.progress import to_stderr
from demo.expected import EXPECTED, is_settled, ready_of, wrong_pods
from demo.screen import Screen

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".demo"
PREFLIGHT_IMAGE = "example.com/cosmos3-operator:demo"
"""Simulated nodes pull nothing, and the Job that asks for access succeeds on them."""
PATIENCE_SECONDS = 600
"""Usually seconds; a machine may be many times slower."""

MANIFESTS = (
    "examples/cosmosgenerator.yaml",
    "examples/demo/reasoner.yaml",
    "examples/demo/too-large.yaml",
)

_HUB_ACCESS = '{.status.conditions[?(@.type=="HubAccess")].message}'

console = Console(highlight=False)


def main() -> int:
    """Run the demo, or end it."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--down", action="store_true", help="end what the demo started")
    parser.add_argument("--dir", type=Path, default=FOLDER, help="folder for everything it makes")
    options = parser.parse_args()
    folder = options.dir.resolve()
    if options.down:
        ended = bed.down(folder)
        console.print(f"Ended {', '.join(ended)}" if ended else "Nothing was running")
        return 0
    try:
        return demo(folder)
    except BedError as error:
        console.print(f"[red]{error}[/red]")
        return 1


def demo(folder: Path) -> int:
    """Bring everything up, watch it, judge it."""
    began = time.monotonic()
    _step("A real Kubernetes control plane, and simulated nodes with 2 × 8 H100 and 4 L40S")
    bed.down(folder)
    cluster = bed.up(folder, progress=to_stderr)
    _step("The two kinds")
    _kubectl(cluster, "apply", "--server-side", "-f", "crds/")
    _kubectl(cluster, "wait", "--for=condition=Established", "-f", "crds/", quiet=True)
    _step("The operator")
    log = _start_operator(cluster)
    _step("A secret for the Hugging Face token (never read by the operator), and three resources")
    console.print("  Where a token is named, a Job asks the hub for access before a GPU is taken")
    _kubectl(cluster, "create", "secret", "generic", "hf-token", "--from-literal=HF_TOKEN=demo")
    _kubectl(cluster, "apply", *(word for path in MANIFESTS for word in ("-f", path)))
    settled = _watch(cluster)
    faults = _faults(cluster)
    if not settled or faults:
        for fault in faults:
            console.print(f"[red]Wrong: {fault}[/red]")
        console.print(f"The operator's log is {log}")
        return 1
    _farewell(cluster, time.monotonic() - began)
    return 0


def _start_operator(cluster: bed.Cluster) -> Path:
    log = cluster.dir / "operator.log"
    program = str(Path(sys.executable).with_name("cosmos3-operator"))
    words = [program, "run", f"--kubeconfig={cluster.kubeconfig}", "--listen=127.0.0.1:0"]
    words += [f"--preflight-image={PREFLIGHT_IMAGE}"]
    console.print(f"  [dim]$ cosmos3-operator {' '.join(words[1:])} &[/dim]", soft_wrap=True)
    process = spawn("cosmos3-operator", words, log=log, folder=cluster.dir)
    running = wait_until(
        lambda: not process.alive or "all watches run" in log.read_text(), PATIENCE_SECONDS
    )
    if not running or not process.alive:
        raise BedError(f"the operator did not come up:\n{log.read_text()}")
    return log


def _watch(cluster: bed.Cluster) -> bool:
    """Show the resources until each has settled; False if they did not in time."""

    def look() -> bool:
        resources = _resources(cluster)
        screen.show([resources[e.kind, e.name] for e in EXPECTED])
        return all(is_settled(e, resources[e.kind, e.name]) for e in EXPECTED)

    with Screen(console) as screen:
        return wait_until(look, PATIENCE_SECONDS, every_s=0.2)


def _faults(cluster: bed.Cluster) -> list[str]:
    """Return everything that is not as it must be."""
    resources = _resources(cluster)
    found = []
    for expected in EXPECTED:
        resource = resources[expected.kind, expected.name]
        if not is_settled(expected, resource):
            ready = ready_of(resource)
            found.append(f"{expected.name} is {dict(ready) or 'without status'}")
        fault = wrong_pods(expected, _pods(cluster, expected.kind, expected.name))
        if fault:
            found.append(fault)
    return found


def _resources(cluster: bed.Cluster) -> dict[tuple[str, str], Mapping[str, Any]]:
    items = json.loads(cluster.kubectl("get", "cosmos", "-o", "json"))["items"]
    return {(item["kind"], item["metadata"]["name"]): item for item in items}


def _pods(cluster: bed.Cluster, kind: str, name: str) -> list[Mapping[str, Any]]:
    component = kind.removeprefix("Cosmos").lower()
    labels = f"app.kubernetes.io/component={component},app.kubernetes.io/instance={name}"
    items: list[Mapping[str, Any]] = json.loads(
        cluster.kubectl("get", "pods", "-l", labels, "-o", "json")
    )["items"]
    return items


def _farewell(cluster: bed.Cluster, seconds: float) -> None:
    console.print()
    _kubectl(cluster, "get", "cosmos")
    _kubectl(cluster, "get", "pods", "-o", "wide", shown="kubectl get pods -o wide")
    _kubectl(cluster, "get", "cgen", "super", "-o", f"jsonpath={_HUB_ACCESS}")
    console.print(
        f"\n[bold green]All three are in their right states[/bold green] ({seconds:.0f} s)."
    )
    kubeconfig = cluster.kubeconfig
    if kubeconfig.is_relative_to(ROOT):
        kubeconfig = Path("$PWD") / kubeconfig.relative_to(ROOT)
    console.print(
        f"""
Everything still runs. Try:

  export KUBECONFIG={kubeconfig} PATH=$PWD/.venv/bin:$PATH
  kubectl describe cgen too-large           # why it is not Ready, and what to do
  kubectl get cgen super -o yaml            # the plan behind it: status.plan
  kubectl patch cgen too-large --type=merge \\
    -p '{{"spec":{{"parallelism":{{"cfg":1}}}}}}'  # fits now
  kubectl scale cgen super --replicas=2     # says which GPUs it waits for
  kubectl delete deployment super-generator # comes back by itself
  cosmos3-operator plan -f examples/cosmosgenerator.yaml

Clean up with [bold]make demo-down[/bold].""",
        soft_wrap=True,
    )


def _step(title: str) -> None:
    console.print(f"\n[bold]▸ {title}[/bold]", soft_wrap=True)


def _kubectl(
    cluster: bed.Cluster, *words: str, quiet: bool = False, shown: str | None = None
) -> None:
    """Run kubectl from the repository's root, showing the command and what it prints."""
    if not quiet:
        console.print(f"  [dim]$ {shown or 'kubectl ' + ' '.join(words)}[/dim]", soft_wrap=True)
    paths = [
        str(ROOT / word) if word.startswith(("examples/", "crds/")) else word for word in words
    ]
    text = cluster.kubectl(*paths)
    if not quiet:
        for line in text.splitlines():
            console.print(f"  {line}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
