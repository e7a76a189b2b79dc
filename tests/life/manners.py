"""What every status must keep to, whatever it says: one small rule each.

In: two versions of a resource, one after the other, and when the second was seen. Out: breaches.
Rules that need a measured time are given to the judge as deviations, since how slow the machine is
is only known at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from life.world import Body, condition

MANAGER = "cosmos3-operator"
NEVER_LOOKED_AT = -1
"""The observed generation that the CRDs give to what is new."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """Two versions of a resource; `whole` if nothing was missed between them."""

    before: Body | None
    after: Body
    wall: float
    documented: frozenset[str]
    whole: bool = True

    def conditions(self) -> list[Body]:
        """Return the new conditions."""
        return list((self.after.get("status") or {}).get("conditions") or ())


@dataclass(frozen=True, kw_only=True)
class Breach:
    """A rule that a status broke. One with `seconds` counts only beyond the settling time."""

    rule: str
    text: str
    seconds: float = float("inf")


def documented_reasons(root: Path) -> frozenset[str]:
    """Return the reasons that have a page: what users can look up."""
    return frozenset(page.stem for page in (root / "docs" / "reasons").glob("*.md"))


def look(step: Step) -> list[Breach]:
    """Return what this step of the status broke."""
    return [
        Breach(rule=name, text=found) if isinstance(found, str) else found
        for name, rule in RULES.items()
        for found in rule(step)
    ]


def reasons_are_documented(step: Step) -> Iterator[str]:
    for item in step.conditions():
        if item["reason"] not in step.documented:
            yield f"{item['type']} has the reason {item['reason']}, which no page explains"


def not_ready_says_why(step: Step) -> Iterator[str]:
    ready = condition(step.after, "Ready")
    if ready and ready["status"] != "True" and not str(ready.get("message") or "").strip():
        yield f"Ready is {ready['status']} ({ready['reason']}) and has no message"


def generation_is_not_ahead(step: Step) -> Iterator[str]:
    generation = step.after["metadata"]["generation"]
    seen = {"status": _observed(step.after)}
    seen |= {item["type"]: item.get("observedGeneration") or 0 for item in step.conditions()}
    for where, observed in seen.items():
        if observed > generation:
            yield f"observedGeneration of {where} is {observed}, the generation is {generation}"


def generation_does_not_go_back(step: Step) -> Iterator[str]:
    was, now = (_observed(body) for body in (step.before or {}, step.after))
    if now < was:
        yield f"observedGeneration went back from {was} to {now}"


def follows_kstatus(step: Step) -> Iterator[str]:
    ready = condition(step.after, "Ready")
    if not ready:
        return
    going = [t for t in ("Reconciling", "Stalled") if condition(step.after, t)]
    untrue = [t for t in going if condition(step.after, t)["status"] != "True"]
    if untrue:
        yield f"{untrue} are there and not True"
    wanted = 0 if ready["status"] == "True" else 1
    if len(going) != wanted:
        yield f"Ready is {ready['status']} together with {going or 'neither of the two'}"


def transition_times_move_with_the_status(step: Step) -> Iterator[str]:
    for item in step.conditions():
        old = condition(step.before or {}, item["type"])
        moved = old and old["lastTransitionTime"] != item["lastTransitionTime"]
        changed = old and old["status"] != item["status"]
        if moved and not changed and step.whole:
            yield f"{item['type']} stayed {item['status']}, its lastTransitionTime moved"
        if changed and not moved and _whole_seconds_differ(step, item):
            yield f"{item['type']} became {item['status']}, its lastTransitionTime did not move"


def transition_times_are_true(step: Step) -> Iterator[Breach]:
    for item in step.conditions():
        old = condition(step.before or {}, item["type"])
        if old and old["status"] == item["status"]:
            continue
        late = step.wall - parse_time(item["lastTransitionTime"])
        if step.whole and not -1.0 <= late <= 1.0:
            yield Breach(
                rule="transition_times_are_true",
                text=f"{item['type']} became {item['status']}, {late:+.1f} s after its "
                "lastTransitionTime",
                seconds=late - 1.0 if late > 0 else float("inf"),
            )


def only_the_status_is_written(step: Step) -> Iterator[str]:
    for entry in step.after["metadata"].get("managedFields") or ():
        if entry.get("manager") != MANAGER:
            continue
        fields = set(entry.get("fieldsV1") or {})
        if entry.get("subresource") != "status" or fields - {"f:status"}:
            yield f"{MANAGER} owns {sorted(fields)} by {entry.get('subresource') or 'the spec'}"


def no_finalizer_of_ours(step: Step) -> Iterator[str]:
    for name in step.after["metadata"].get("finalizers") or ():
        if "cosmos3" in name:
            yield f"it has the finalizer {name}"


RULES: Mapping[str, Callable[[Step], Iterator[Any]]] = {
    rule.__name__: rule
    for rule in (
        reasons_are_documented,
        not_ready_says_why,
        generation_is_not_ahead,
        generation_does_not_go_back,
        follows_kstatus,
        transition_times_move_with_the_status,
        transition_times_are_true,
        only_the_status_is_written,
        no_finalizer_of_ours,
    )
}


def _observed(body: Body) -> int:
    found = (body.get("status") or {}).get("observedGeneration")
    return NEVER_LOOKED_AT if found is None else int(found)


def parse_time(text: str) -> float:
    """Return seconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _whole_seconds_differ(step: Step, item: Body) -> bool:
    """Two changes within one second share their time, which has no smaller unit."""
    return step.wall - parse_time(item["lastTransitionTime"]) > 2.0 and step.whole
