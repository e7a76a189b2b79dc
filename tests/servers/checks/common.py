"""What both kinds of servers are asked, and the words for what was not as expected."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cosmos3_operator.status.milestones import milestone
from servers.calls import Answer, Api
from servers.errors import CheckFailed
from servers.start import Server

_METRIC = re.compile(r"^# TYPE (\S+) ", re.MULTILINE)


def must(answer: Answer, *, status: int = 200) -> Answer:
    """Return an answer that has this status."""
    if answer.status != status:
        raise CheckFailed(f"answered {answer.status} instead of {status}: {answer.text[:500]}")
    return answer


def must_be(what: str, seen: object, expected: object) -> None:
    """Fail unless what was seen is what is expected."""
    if seen != expected:
        raise CheckFailed(f"{what} is {seen!r} instead of {expected!r}")


def serves_its_name(server: Server) -> str:
    """The model list holds the name that the operator puts into its status and its examples."""
    names = [model["id"] for model in must(server.api.get("/v1/models")).json["data"]]
    must_be("the list of models", names, [server.rendered.served_model_name])
    return ", ".join(names)


def guards_the_api(server: Server) -> str:
    """The key of VLLM_API_KEY guards /v1, and neither probes nor scrapes."""
    for stranger in (server.anonymous, Api(url=server.url, key="another")):
        must(stranger.get("/v1/models"), status=401)
    for open_path in ("/health", "/metrics"):
        must(server.anonymous.get(open_path))
    must(server.api.get("/v1/models"))
    return "401 without it and with another one, 200 with it; /health and /metrics are open"


def has_metrics(server: Server, names: Iterable[str]) -> str:
    """The metrics that dashboards and scaling are built on are there."""
    there = set(_METRIC.findall(must(server.anonymous.get("/metrics")).text))
    # A counter x_total is announced as x by some versions of the client library.
    missing = [name for name in names if not {name, f"{name}_total"} & there]
    must_be("the list of missing metrics", missing, [])
    return f"{len(there)} metrics, among them {', '.join(sorted(names)[:3])} …"


def tells_how_far_it_is(server: Server) -> str:
    """The log of its start shows one phase after the other, as status.startup would."""
    lines = server.log.splitlines()
    reached = (
        milestone(server.rendered.engine, "\n".join(lines[:end])) for end in range(len(lines) + 1)
    )
    phases = [str(phase) for phase in dict.fromkeys(one.phase for one in reached)]
    must_be("what the log tells", phases, ["Preparing", "Downloading", "Loading", "WarmingUp"])
    return ", ".join(phases)


def total(server: Server, *gauges: str) -> float:
    """Return the sum of some gauges, over all their labels."""
    lines = must(server.anonymous.get("/metrics")).text.splitlines()
    named = ((re.split(r"[{ ]", line, maxsplit=1)[0], line) for line in lines)
    return sum(float(line.rpartition(" ")[2]) for name, line in named if name in gauges)


def exits_cleanly(server: Server) -> str:
    """SIGTERM to a server without work ends it with exit code 0."""
    server.terminate()
    must_be("the exit code", server.wait(), 0)
    return "exit code 0"
