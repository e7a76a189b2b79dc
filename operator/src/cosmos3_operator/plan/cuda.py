"""Which CUDA line `runtime.cuda: Auto` takes.

In: the runtimes that may serve, and what node labels say about drivers. Out: a runtime, one of its
lines and why. An image that is newer than the driver cannot start, so a cluster of older drivers
gets an older line, and perhaps another version for it. It is asked once, and its answer kept
(`earlier`): a node that joins must not restart a served model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cosmos3_operator.catalog.types import Runtime
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.placement import Wanted, chosen_nodes


class Line(NamedTuple):
    """A runtime, the CUDA line of its image, and why this line."""

    runtime: Runtime
    cuda: str
    reason: str


def offered(runtime: Runtime) -> tuple[str, ...]:
    """Return the lines of a runtime that are not known to fail, its default first."""
    lines = (runtime.cuda, *sorted(runtime.cuda_tags, key=int, reverse=True))
    return tuple(line for line in lines if runtime.bug(f"cuda={line}") is None)


def newest_driver(facts: Facts, *, wanted: Wanted) -> int:
    """Return the newest CUDA major that a driver of the wanted nodes supports; 0 if not known.

    Nodes with enough GPUs for one replica count; if there are none, all that are of the right kind.
    """
    nodes = chosen_nodes(facts.nodes or (), wanted=wanted)
    large = [node for node in nodes if node.gpus >= wanted.gpus]
    return max((node.cuda_major for node in large or nodes), default=0)


def choose_line(runtimes: Sequence[Runtime], *, newest_driver: int) -> Line:
    """Return the line that Auto takes; the first runtime is the preferred one."""
    preferred = runtimes[0]
    if not newest_driver:
        return Line(preferred, preferred.cuda, "the default, since no driver is known")
    if int(preferred.cuda) <= newest_driver:
        return Line(preferred, preferred.cuda, f"the nodes' drivers support CUDA {newest_driver}")
    lines = {line for one in runtimes for line in offered(one) if int(line) <= newest_driver}
    for line in sorted(lines, key=int, reverse=True):
        if runtime := offering(runtimes, line):
            return Line(runtime, line, f"the nodes' drivers support CUDA {newest_driver} at most")
    return Line(
        preferred,
        preferred.cuda,
        f"the nodes' drivers support CUDA {newest_driver} at most, and no image is known for it",
    )


def offering(runtimes: Sequence[Runtime], line: str) -> Runtime | None:
    """Return the first runtime with an image of a line, None if there is none."""
    return next((runtime for runtime in runtimes if line in offered(runtime)), None)
