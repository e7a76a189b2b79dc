"""Names of metrics: in texts of /metrics, and in PromQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from metrics.record import RECORDED

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_SELECTOR = re.compile(r"\{[^{}]*\}")
_WINDOW = re.compile(r"\[[^\]]*\]|\boffset\s+\S+")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_WORD = re.compile(r"(?<![\w:.])[a-zA-Z_][\w:]*(?!\s*\(|[\w:])")
_KEYWORDS = {"and", "or", "unless", "bool", "on", "ignoring", "by", "without", "inf", "nan"}
_KEYWORDS |= {"sum", "min", "max", "avg", "count", "topk", "bottomk", "group"}
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count", "")}


def metrics_of(expr: str) -> set[str]:
    """Return the metrics that an expression reads."""
    bare = _STRING.sub('""', expr)
    for pattern in (_SELECTOR, _WINDOW, _LABELS):
        bare = pattern.sub(" ", bare)
    return {word for word in _WORD.findall(bare) if word.lower() not in _KEYWORDS}


def labels_of(expr: str) -> set[str]:
    """Return the labels by which an expression selects and groups."""
    bare = _STRING.sub('""', expr)
    selected = {label for part in _SELECTOR.findall(bare) for label in _LABEL.findall(part)}
    grouped = {
        word
        for part in _LABELS.findall(_SELECTOR.sub(" ", bare))
        for word in re.findall(r"\w+", part.partition("(")[2])
    }
    return selected | grouped


def series_of(name: str, kind: str) -> tuple[str, ...]:
    """Return the names that a metric of this type is seen under."""
    return tuple(f"{name}{part}" for part in PARTS.get(kind, ("",)))


def declared(text: str) -> Iterator[str]:
    """Return every name that a text of /metrics announces."""
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        yield from series_of(name, kind)


def recorded() -> dict[str, set[str]]:
    """Return what each recorded server has, by the server's name."""
    return {path.stem: set(declared(_read(path))) for path in sorted(RECORDED.glob("*.txt"))}


def _read(path: Path) -> str:
    return path.read_text("utf-8")
