"""What a simulated container has written: recorded texts, told at the pace of its annotations.

In: a pod as the API server has it, a container's name, what was asked for, the time. Out: the
text, or the kubelet's own words for why there is none. The texts are in logs/; a line that begins
with `@12.5 ` was written 12.5 seconds after the container's start, one without when the one before
it was. Pure: kubelet.py asks and answers.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bed.errors import BedError
from bed.versions import HERE

FOLDER = HERE / "logs"
NOTHING = "This container is simulated: no program runs in it.\n"

_PREFIX = "bed.cosmos3.io/"
_JOB = "batch.kubernetes.io/job-name"
_NAME = re.compile(r"[a-z0-9.-]+")
_OFFSET = re.compile(r"@(\d+(?:\.\d+)?) ?")

# What the kubelet says of a container that waits and has never run.
_WAITING = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}

Json = Mapping[str, Any]


class NoLogError(BedError):
    """There is no log, and the message is the kubelet's."""


@dataclass(frozen=True)
class Line:
    """One line, and how many seconds after the container's start it was written."""

    offset: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a client may ask of a log; the names are the API's."""

    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since_seconds: int | None = None


def answer(pod: Json, container: str, options: Options, *, now: dt.datetime) -> str:
    """Return what the kubelet would send."""
    status = _status(pod, container)
    began, ended = _times(pod, status, options)
    lines = _written(pod, container, ended=bool(ended), seconds=(now - began).total_seconds())
    if options.since_seconds is not None:
        first = now - dt.timedelta(seconds=options.since_seconds)
        lines = [line for line in lines if began + dt.timedelta(seconds=line.offset) >= first]
    if options.tail_lines is not None:
        lines = lines[len(lines) - min(options.tail_lines, len(lines)) :]
    text = "".join(_printed(line, began, ended, options) for line in lines)
    if options.limit_bytes is None:
        return text
    return text.encode()[: options.limit_bytes].decode(errors="ignore")


def parse(text: str) -> Iterator[Line]:
    """Read a recorded text."""
    offset = 0.0
    for raw in text.splitlines():
        mark = _OFFSET.match(raw)
        offset = float(mark[1]) if mark else offset
        yield Line(offset, raw[mark.end() :] if mark else raw)


def last_words(name: str) -> str:
    """Return what a kubelet takes for a termination message where the container left none.

    80 lines or 2048 bytes, whichever is less: `terminationMessagePolicy: FallbackToLogsOnError`.
    """
    lines = [line.text for line in parse(_recorded(name))][-80:]
    return "\n".join(lines).encode()[-2048:].decode(errors="ignore")


def _status(pod: Json, container: str) -> Json:
    status = pod.get("status", {})
    for field in ("containerStatuses", "initContainerStatuses"):
        for one in status.get(field) or ():
            if one["name"] == container:
                return dict(one)
    name = pod["metadata"]["name"]
    raise NoLogError(f'container "{container}" in pod "{name}" is not available')


def _times(pod: Json, status: Json, options: Options) -> tuple[dt.datetime, dt.datetime | None]:
    """Return when the container that is meant began, and when it ended."""
    where = f'container "{status["name"]}" in pod "{pod["metadata"]["name"]}"'
    state, last = status.get("state", {}), status.get("lastState", {})
    if options.previous:
        if "terminated" not in last:
            raise NoLogError(f"previous terminated {where} not found")
        return _span(last["terminated"])
    if "running" in state:
        return _moment(state["running"]["startedAt"]), None
    ended = state.get("terminated") or last.get("terminated")
    if ended:
        return _span(ended)
    reason = state.get("waiting", {}).get("reason", "no logs yet")
    raise NoLogError(f"{where} is waiting to start: {_WAITING.get(reason, reason)}")


def _written(pod: Json, container: str, *, ended: bool, seconds: float) -> list[Line]:
    name = _word(pod, container, "previous-log") if ended else None
    name = name or _word(pod, container, "log")
    if name is None:
        return list(parse(NOTHING))
    lines = list(parse(_recorded(name)))
    pace = _word(pod, container, "log-pace")
    if ended or pace is None:
        return lines
    return [line for line in lines if line.offset <= seconds * float(pace)]


def _word(pod: Json, container: str, word: str) -> str | None:
    """Return what the pod's annotations say; a container that they name goes before the others."""
    metadata = pod["metadata"]
    job = "job-" if _JOB in (metadata.get("labels") or {}) else ""
    annotations = metadata.get("annotations") or {}
    own = annotations.get(f"{_PREFIX}{job}{word}.{container}")
    if own or container != pod["spec"]["containers"][0]["name"]:
        return own
    return annotations.get(f"{_PREFIX}{job}{word}")


def _recorded(name: str) -> str:
    path = FOLDER / f"{name}.log"
    if not _NAME.fullmatch(name) or not path.is_file():
        known = ", ".join(sorted(found.stem for found in FOLDER.glob("*.log")))
        raise NoLogError(f"there is no recorded log {name!r}; there are {known}")
    return path.read_text("utf-8")


def _printed(line: Line, began: dt.datetime, ended: dt.datetime | None, options: Options) -> str:
    if not options.timestamps:
        return f"{line.text}\n"
    when = began + dt.timedelta(seconds=line.offset)
    # However long the recorded one took: nothing is written after the end.
    when = min(when, ended) if ended else when
    return f"{when.strftime('%Y-%m-%dT%H:%M:%S.%f000Z')} {line.text}\n"


def _span(run: Json) -> tuple[dt.datetime, dt.datetime]:
    return _moment(run["startedAt"]), _moment(run["finishedAt"])


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
