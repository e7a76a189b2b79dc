"""Events of one object, as far as they still say something about now.

In: what was read of the events, oldest first. Out: the ones that count. Events are kept for an hour
and never taken back, so an old failure must not outlive the success after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmos3_operator.status.evidence import EventsAsk
from cosmos3_operator.status.observe import Observation
from cosmos3_operator.status.reading import Pod, name_of
from cosmos3_operator.status.words import Said, rules, said

Event = Mapping[str, Any]

_PROGRESS = frozenset({"Pulling", "Pulled", "Created", "Started", "ProvisioningSucceeded"})
"""Reasons of events after which sandbox and volumes must have been there."""


def events_of(observation: Observation, kind: str, name: str) -> tuple[Event, ...]:
    """Return the events of an object, oldest first; none if they were not read."""
    return observation.evidence.events.get(EventsAsk(kind, name), ())


def since_progress(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Leave out what happened before the object last got further."""
    latest = max(
        (i for i, event in enumerate(events) if event.get("reason") in _PROGRESS), default=-1
    )
    return events[latest + 1 :]


def most_telling(who: str, events: tuple[Event, ...]) -> tuple[Said, str] | None:
    """Return what the events say by the first of the rules, and the words; the newest if several.

    Components repeat what they say in turns, the cause and its consequences: going by rules and not
    by time gives the same answer whoever spoke last.
    """
    order = {rule.name: place for place, rule in enumerate(rules()[who])}
    found = [(one, text) for text in map(text_of, reversed(events)) if (one := said(who, text))]
    return min(found, key=lambda item: order[item[0].rule.name], default=None)


def text_of(event: Event) -> str:
    """Return the words of an event."""
    return str(event.get("message") or "")


def newest(observation: Observation, pod: Pod, *, reason: str, begins: str = "") -> str:
    """Return the words of the newest event of a pod for that reason, "" if there is none."""
    return text_of(newest_event(observation, pod, reason=reason, begins=begins))


def newest_event(observation: Observation, pod: Pod, *, reason: str, begins: str = "") -> Event:
    """Return the newest event of a pod for that reason, {} if there is none."""
    found = (
        event
        for event in reversed(events_of(observation, "Pod", name_of(pod)))
        if event.get("reason") == reason and text_of(event).startswith(begins)
    )
    return next(found, {})
