"""What the gallery page holds: how each failure came about, and what kubectl said about it.

In: the cases of tests/gallery and what was recorded of them on a real control plane. Out: the
values for the template gallery.md.j2.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from cosmos3_operator.api.resource import GROUP, VERSION
from gallery.cases import FOLDER, HEADINGS, Case, Json, load

_WIDTH = 98
_SHOWN_OF_CONDITIONS = ("Type", "Status", "Reason", "Message")
_SHOWN_OF_FINDINGS = ("Message", "Evidence", "Remedy")


def gallery() -> dict[str, Any]:
    """Return what gallery.md shows."""
    cases = tuple(load())
    return {
        "headings": {
            heading: [_shown(case) for case in cases if case.about == heading]
            for heading in HEADINGS
        },
        "number": len(cases),
    }


def _shown(case: Case) -> dict[str, Any]:
    recorded = (FOLDER / "recorded" / f"{case.name}.txt").read_text("utf-8")
    listing, _, description = recorded.partition("\n\n")
    return {
        "name": case.name,
        "title": case.title,
        "story": case.story,
        "reason": case.expect.reason,
        "resource": _yaml(_resource(case)),
        "listing": listing,
        "command": description.partition("\n")[0],
        "words": "\n".join(_words(description)),
        "mend": case.mend.text if case.mend else "",
        "patch": _yaml({"spec": case.mend.spec}) if case.mend and case.mend.spec else "",
    }


def _resource(case: Case) -> Json:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": case.kind,
        "metadata": {"name": case.resource},
        "spec": case.spec,
    }


def _yaml(found: Json) -> str:
    return yaml.safe_dump(found, sort_keys=False, width=90).rstrip()


def _words(description: str) -> Iterator[str]:
    """Yield the condition that matters, the first finding, and the warnings."""
    yield "Conditions:"
    yield from _wrapped(_condition(description, "Ready"))
    if finding := _finding(description):
        yield "Findings:"
        yield from _wrapped(finding)
    if warnings := re.findall(r"^  Warning  (\S+)", description, re.M):
        yield "Events:"
        for reason in warnings:
            yield f"  Warning  {reason}  …"


def _condition(description: str, type_: str) -> dict[str, str]:
    """Return one condition; kubectl prints its fields by the alphabet, and the type last."""
    conditions = description.partition("  Conditions:\n")[2]
    fields: dict[str, str] = {}
    for name, value in re.findall(r"^    (\w+): +(.*)$", conditions, re.M):
        fields[name] = value
        if name == "Type" and value == type_:
            return {part: fields[part] for part in _SHOWN_OF_CONDITIONS}
    raise ValueError(f"no condition {type_} in {description}")


def _finding(description: str) -> dict[str, str]:
    findings = description.partition("  Findings:\n")[2]
    fields: dict[str, str] = {}
    for name, value in re.findall(r"^    (\w+): +(.*)$", findings, re.M):
        if name in fields:
            break
        fields[name] = value
    return {name: fields[name] for name in _SHOWN_OF_FINDINGS if fields.get(name)}


def _wrapped(fields: dict[str, str]) -> Iterator[str]:
    for name, value in fields.items():
        label = f"  {name + ':':<10} "
        yield from textwrap.wrap(
            value,
            _WIDTH,
            initial_indent=label,
            subsequent_indent=" " * len(label),
            break_long_words=False,
            break_on_hyphens=False,
        )
