"""The bed for people: ``python -m bed up|down|status|build|env``."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from bed import api, binaries, nodes
from bed.errors import BedError
from bed.progress import clock, to_stderr
from bed.state import Component


def main() -> int:
    """Run one command and return its exit status."""
    # A clean stop also when somebody ends us politely: what `up` began is then undone.
    signal.signal(signal.SIGTERM, _interrupt)
    options = _parser().parse_args()
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except BedError as error:
        to_stderr(f"bed: {error}")
        return 1
    except KeyboardInterrupt:
        to_stderr("bed: interrupted; what had been started is ended")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bed", description=api.__doc__)
    parser.description = "A real Kubernetes control plane with simulated GPU nodes, on loopback."
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> None:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        if name != "build":
            sub.add_argument(
                "--dir", type=Path, default=api.DEFAULT_DIR, help="state folder (%(default)s)"
            )
        if name == "up":
            _add_up_options(sub)

    add("up", _up, "Start the cluster, or find it running.")
    add("down", _down, "End exactly what `up` started and leave nothing behind.")
    add("status", _status, "Show how each component is doing; fails if one is not well.")
    add("env", _env, "Print the shell line that points kubectl at the cluster.")
    add("build", _build, "Compile what `up` needs, without starting anything.")
    return parser


def _add_up_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--nodes", type=Path, metavar="FILE", help=f"node shapes ({nodes.DEFAULT_SHAPES.name})"
    )
    parser.add_argument(
        "--no-controllers",
        action="store_true",
        help="only the API server and its store: nothing acts by itself, there are no nodes",
    )
    parser.add_argument(
        "--audit", action="store_true", help="log every request's metadata to audit.log"
    )
    parser.add_argument(
        "--node-loss",
        type=int,
        metavar="SECONDS",
        help="a silent node counts as lost so soon and loses its pods at once (4 or more)",
    )
    parser.add_argument(
        "--kind",
        action="store_true",
        default=os.environ.get("BED") == "kind",
        help="a kind cluster instead, where Docker and kind exist (or set BED=kind)",
    )


def _up(options: argparse.Namespace) -> int:
    if options.kind:
        print(f"export KUBECONFIG={shlex.quote(str(api.up_kind(options.dir, to_stderr)))}")
        return 0
    began = time.monotonic()
    started = api.bring_up(
        options.dir,
        shapes=options.nodes,
        controllers=not options.no_controllers,
        audit=options.audit,
        node_loss_s=options.node_loss,
        progress=to_stderr,
    )
    _print_components(started.components)
    took = time.monotonic() - began
    if started.already:
        print(f"\nAlready up and healthy (asked in {took:.2f} s)")
    else:
        print(f"\nUp in {took:.1f} s")
    if not options.no_controllers:
        _print_nodes(options.nodes or nodes.DEFAULT_SHAPES)
    print(f"\n  export KUBECONFIG={shlex.quote(str(started.cluster.kubeconfig))}")
    return 0


def _print_components(components: list[Component]) -> None:
    row = "  {:<24} {:<10} {:>6} {:>8} {:>12}".format
    print(row("COMPONENT", "VERSION", "PORT", "PID", "READY AFTER"))
    for part in components:
        ready = "-" if part.ready_after_s is None else f"{part.ready_after_s:.1f} s"
        print(row(part.process.name, part.version, part.port, part.process.pid, ready))


def _print_nodes(path: Path) -> None:
    shapes = nodes.load_shapes(path)
    print(f"{sum(shape.count for shape in shapes)} simulated nodes:")
    for shape in shapes:
        gpus = f"{shape.gpus} x {shape.product}" if shape.gpus else "no GPU"
        last = f" … {shape.name}-{shape.count - 1}" if shape.count > 1 else ""
        print(f"  {shape.name}-0{last}: {gpus}, driver {shape.driver}, CUDA {shape.cuda}")


def _down(options: argparse.Namespace) -> int:
    began = time.monotonic()
    ended = api.down(options.dir, progress=to_stderr)
    if ended:
        print(f"Ended {', '.join(ended)} in {time.monotonic() - began:.1f} s; nothing is left")
    else:
        print("Nothing was running")
    return 0


def _status(options: argparse.Namespace) -> int:
    found = api.status(options.dir)
    if found is None:
        print(f"Not up ({options.dir})")
        return 1
    if not found:
        print("A kind cluster, or one that is just starting; kubectl tells more")
        return 1
    for health in found:
        word = "healthy" if health.healthy and health.alive else "NOT HEALTHY"
        if not health.alive:
            word = "DEAD"
        process = health.component.process
        print(f"  {process.name:<24} {health.component.version:<10} pid {process.pid:<8} {word}")
    return 0 if all(h.alive and h.healthy for h in found) else 1


def _env(options: argparse.Namespace) -> int:
    cluster = api.find(options.dir)
    if cluster is None:
        raise BedError(f"no cluster in {options.dir}; start one with `up`")
    print(f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}")
    return 0


def _build(options: argparse.Namespace) -> int:
    del options
    began = time.monotonic()
    programs = binaries.resolve(binaries.STORE + binaries.CONTROLLERS, to_stderr)
    for program in programs.values():
        print(f"  {program.name:<24} {program.version:<10} {program.path}")
    kubectl = binaries.kubectl()
    print(f"  {'kubectl':<24} {'':<10} {kubectl}")
    print(f"\nAll there after {clock(time.monotonic() - began)}")
    return 0


def _interrupt(number: int, frame: object) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
