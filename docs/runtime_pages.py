"""What the pages about model servers hold: the catalog's runtimes, and what they cannot do.

In: the catalog, and the rows of cannot.yaml with the answers that the operator gives. Out: the
values for the templates runtimes.md.j2 and runtime-limits.md.j2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

import limits
from cosmos3_operator.catalog.flags import Flags, recorded
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Runtime, Server, ShutdownTimeout, Surface

_GUARDRAILS = {
    "Flag": "`--no-guardrails` turns them off; a deploy config is not obeyed",
    "DeployConfig": "a deploy config says on or off; the flag would be overruled by it",
    "": "none: it serves no Generator",
}
_SHORT = {"Flag": "flag", "DeployConfig": "deploy config", "": ""}
_TIMEOUTS = {
    ShutdownTimeout.OBEYED: "obeyed",
    ShutdownTimeout.IGNORED: "accepted and ignored",
    ShutdownTimeout.REFUSED: "stops the server at start",
}
_MODES = {
    "Native": "by itself",
    "Plugin": "only with the vllm-cosmos3 plugin, in an image of your own",
}


def runtimes() -> dict[str, Any]:
    """Return what runtimes.md shows."""
    return {"runtimes": tuple(map(_runtime, load().runtimes)), "tags": load().tags}


def runtime_limits() -> dict[str, Any]:
    """Return what runtime-limits.md shows."""
    chapters: dict[str, list[dict[str, Any]]] = {}
    for row in limits.rows():
        chapters.setdefault(row.about, []).append(_limit(row))
    return {"chapters": chapters}


def _limit(row: limits.Row) -> dict[str, Any]:
    resource = {"kind": str(row.kind), "spec": row.spec}
    return {
        "ask": row.ask,
        "answer": str(row.answer),
        "resource": yaml.safe_dump(resource, sort_keys=False, width=90),
        "around": row.answer is limits.Answer.PLANNED_AROUND,
        "lines": limits.quoted(row, limits.given(row)),
        "never": row.never,
        "why": row.why,
    }


def _runtime(runtime: Runtime) -> dict[str, Any]:
    return {
        "title": f"{runtime.engine} {runtime.name}",
        "label": runtime.label,
        "image": _tag(runtime),
        "cuda": ", ".join([runtime.cuda, *runtime.cuda_tags]),
        "surfaces": _surfaces(runtime),
        "guardrails": _SHORT[runtime.guardrails],
        "bugs": runtime.known_bugs,
        "facts": tuple(_facts(runtime)),
    }


def _facts(runtime: Runtime) -> Iterator[tuple[str, str]]:
    container = runtime.container
    names = dict.fromkeys((runtime.name, runtime.version))
    yield "`spec.runtime.version`", " or ".join(f"`{name}`" for name in names)
    yield "Serves", _surfaces(runtime)
    yield "Image", _image(runtime)
    yield "CUDA", _cuda(runtime)
    yield "Guardrails", _GUARDRAILS[runtime.guardrails]
    if runtime.reasoner_mode:
        yield "Knows Cosmos 3", _MODES[runtime.reasoner_mode]
    for surface, server in runtime.serving.items():
        which = f" ({surface})" if len(runtime.serving) > 1 else ""
        yield from ((name + which, text) for name, text in _server(runtime, surface, server))
    if added := _added(runtime):
        yield "The operator adds", added
    yield (
        "The image by itself",
        f"entry point {f'`{container.entrypoint}`' if container.entrypoint else 'empty'}, user "
        f"{container.user}, home `{container.home}`, weights in `{container.hugging_face_cache}` "
        f"({container.source}); the operator names command, user and folders itself",
    )
    yield "Source", runtime.source


def _server(runtime: Runtime, surface: Surface, server: Server) -> Iterator[tuple[str, str]]:
    metrics, shutdown = server.metrics, server.shutdown
    yield "Longest start-up", f"told by `{server.init_timeout}`"
    yield (
        "SIGTERM",
        f"idle, it exits within {shutdown.idle_seconds} s; with work, {shutdown.with_work}. "
        f"`--shutdown-timeout`: {_TIMEOUTS[shutdown.timeout]}",
    )
    gauges = (
        "follow arrivals" if metrics.live_gauges else "do not follow arrivals: not a load signal"
    )
    flaws = f"; {metrics.flaws}" if metrics.flaws else ""
    yield "Metrics", f"`{metrics.prefix}`; gauges of running and waiting requests {gauges}{flaws}"
    yield "Arguments known", _arguments([recorded(n) for n in runtime.flags.get(surface, ())])
    yield "Behaviour seen in", server.source


def _arguments(parsers: list[Flags]) -> str:
    if not parsers:
        return "not recorded: `spec.extraArgs` is taken as it is"
    known = set.intersection(*({flag.name for flag in p.by_spelling.values()} for p in parsers))
    refused = {name for p in parsers for name in p.refused_at_start}
    text = f"{len(known)}, from the parser of {' and of '.join(p.label for p in parsers)}"
    if len(parsers) > 1:
        text += " (the image itself was not inspected, so an argument must be known to both)"
    return text + (f"; {len(refused)} spellings parse and stop the server" if refused else "")


def _added(runtime: Runtime) -> str:
    words = [f"`{' '.join(runtime.args)}`"] if runtime.args else []
    words += [f"`{name}={value}`" for name, value in runtime.env.items()]
    words += [f"`{n}={v}` while guardrails are on" for n, v in runtime.guardrails_env.items()]
    return ", ".join(words)


def _surfaces(runtime: Runtime) -> str:
    names = (f"{s} (default)" if s in runtime.default_for else str(s) for s in runtime.surfaces)
    return ", ".join(names)


def _tag(runtime: Runtime) -> str:
    if runtime.needs_own_image:
        return "your own, with the plugin"
    return f"`{runtime.repository}:{runtime.tag}`" + (" by digest" if runtime.digest else "")


def _image(runtime: Runtime) -> str:
    if not runtime.digest:
        return _tag(runtime)
    return f"`{runtime.repository}:{runtime.tag}@{runtime.digest}`"


def _cuda(runtime: Runtime) -> str:
    others = (f"{major} (`{tag}`)" for major, tag in runtime.cuda_tags.items())
    return ", ".join([runtime.cuda, *others])
