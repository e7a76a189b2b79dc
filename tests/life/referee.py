"""The judge: compares claim and truth of every resource at every event, and keeps the history.

In: events with the time at which the observer saw them, and when the operator or the API server was
away. Out: the intervals in which claim and truth disagreed, breaches of manners, and how busy each
status was. Nothing here knows a clock or a network, so recorded and lying histories can be judged
as well as live ones.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from life.manners import Breach, Step, look
from life.truth import claim, truth
from life.world import COMPONENTS, Body, Event, Name, World, condition

LINES = 400
"""Of history, for each name."""

FALSE_READY = "claimed Ready while it was not"
FALSE_UNREADY = "claimed not Ready while it was"
UNOBSERVED = "said nothing about the current generation"


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A time in which a status was not true."""

    name: Name
    what: str
    why: str
    start: float
    end: float

    def longest_outside(self, outages: Iterable[tuple[float, float]]) -> float:
        """Return the longest part in which the operator could have set it right."""
        pieces = [(self.start, self.end)]
        for begin, finish in outages:
            pieces = [
                piece
                for start, end in pieces
                for piece in ((start, min(end, begin)), (max(start, finish), end))
                if piece[1] > piece[0]
            ]
        return max((end - start for start, end in pieces), default=0.0)


@dataclass
class Open:
    """A disagreement that lasts."""

    name: Name
    why: str
    start: float


@dataclass
class Episode:
    """The time in which a resource keeps one reason for Ready."""

    reason: tuple[str, str] = ("", "")
    messages: set[str] = field(default_factory=set)
    writes: int = 0


@dataclass(frozen=True)
class Busy:
    """What one episode cost: the worst of these is reported."""

    count: int
    name: str = ""
    reason: str = ""
    examples: tuple[str, ...] = ()


@dataclass
class Referee:
    """Takes events in, one after the other."""

    documented: frozenset[str]
    world: World = field(default_factory=World)
    intervals: list[Interval] = field(default_factory=list)
    breaches: list[tuple[Name, Breach, float]] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    transitions: int = 0
    status_writes: int = 0
    checks: int = 0
    most_messages: Busy = Busy(0)
    most_writes: Busy = Busy(0)
    _open: dict[tuple[str, str], Open] = field(default_factory=dict)
    _episodes: dict[str, Episode] = field(default_factory=dict)
    _history: dict[Name, deque[tuple[float, str]]] = field(default_factory=dict)
    _away_since: dict[str, float] = field(default_factory=dict)

    # What happens.

    def see(self, event: Event, *, now: float, wall: float, whole: bool = True) -> None:
        """Take in an event and look again at everything that it concerns."""
        self.seen[event.kind] += 1
        concerned = self.world.concerned(event)
        before = self.world.see(event)
        self._note(event, before, concerned, now)
        if event.kind in COMPONENTS:
            self._judge_status(event, before, now=now, wall=wall, whole=whole)
        for name in concerned:
            self._compare(name, now)

    def away(self, who: str, now: float) -> None:
        """Note that somebody without whom no status can be right has gone."""
        self._away_since.setdefault(who, now)

    def back(self, who: str, now: float) -> None:
        """Note that it works again."""
        if (since := self._away_since.pop(who, None)) is not None:
            self.outages.append((since, now))

    def tell(self, name: Name, now: float, text: str) -> None:
        """Add a line to the history of a name."""
        self._history.setdefault(name, deque(maxlen=LINES)).append((now, text))

    # What came of it.

    def close(self, now: float) -> None:
        """End all that still lasts."""
        for who in list(self._away_since):
            self.back(who, now)
        for key in list(self._open):
            self._end(key, now)

    def disagreeing(self) -> int:
        """Return how many statuses are not true at this moment."""
        return len(self._open)

    def beyond(self, settle: float) -> list[Interval]:
        """Return the disagreements that nothing excuses."""
        return [i for i in self.intervals if i.longest_outside(self.outages) > settle]

    def broken(self, settle: float) -> list[tuple[Name, Breach, float]]:
        """Return the breaches of manners that nothing excuses."""
        return [one for one in self.breaches if one[1].seconds > settle]

    def history(self, name: Name) -> list[str]:
        """Return what happened to a name, oldest first."""
        return [f"{at:9.3f}  {text}" for at, text in self._history.get(name, ())]

    # Inside.

    def _compare(self, name: Name, now: float) -> None:
        resource = self.world.resource(name)
        if resource is not None and resource["metadata"].get("deletionTimestamp"):
            resource = None
        uid = str(resource["metadata"]["uid"]) if resource else ""
        for key in [k for k, one in self._open.items() if one.name == name and k[0] != uid]:
            self._end(key, now)
        if resource is None:
            return
        self.checks += 1
        said, found = claim(resource), truth(self.world, resource)
        observed = (resource.get("status") or {}).get("observedGeneration")
        generation = resource["metadata"]["generation"]
        behind = f"generation {generation}, observed {observed}"
        for what, on, why in (
            (FALSE_READY, said and not found.ready, found.why),
            (FALSE_UNREADY, found.ready and not said, _said(resource)),
            (UNOBSERVED, observed != generation, behind),
        ):
            self._set((uid, what), Open(name, why, now), on=on)

    def _set(self, key: tuple[str, str], found: Open, *, on: bool) -> None:
        if on:
            self._open.setdefault(key, found)
        elif key in self._open:
            self._end(key, found.start)

    def _end(self, key: tuple[str, str], now: float) -> None:
        one, what = self._open.pop(key), key[1]
        self.intervals.append(
            Interval(name=one.name, what=what, why=one.why, start=one.start, end=now)
        )
        if now > one.start + 1.0:
            self.tell(one.name, now, f"!! {what} for {now - one.start:.3f} s: {one.why}")

    def _judge_status(
        self, event: Event, before: Body | None, *, now: float, wall: float, whole: bool
    ) -> None:
        name = Name(event.kind, event.body["metadata"]["name"])
        if event.type == "DELETED":
            self._episodes.pop(event.uid, None)
            return
        step = Step(
            before=before, after=event.body, wall=wall, documented=self.documented, whole=whole
        )
        self.breaches += [(name, breach, now) for breach in look(step)]
        if (before or {}).get("status") != event.body.get("status"):
            self._count(name, event)

    def _count(self, name: Name, event: Event) -> None:
        ready = condition(event.body, "Ready")
        reason = (str(ready.get("status", "")), str(ready.get("reason", "")))
        episode = self._episodes.setdefault(event.uid, Episode())
        if episode.reason != reason:
            self.transitions += 1
            self.reasons[reason[1]] += 1
            episode = self._episodes[event.uid] = Episode(reason)
        self.status_writes += 1
        episode.writes += 1
        episode.messages.add(str(ready.get("message", "")))
        self.most_messages = max(
            self.most_messages, _busy(name, episode, len(episode.messages)), key=lambda b: b.count
        )
        self.most_writes = max(
            self.most_writes, _busy(name, episode, episode.writes), key=lambda b: b.count
        )

    def _note(
        self, event: Event, before: Body | None, concerned: Iterable[Name], now: float
    ) -> None:
        new, old = describe(event.kind, event.body), before and describe(event.kind, before)
        if event.type == "DELETED" or new != old:
            verb = {"ADDED": "+", "DELETED": "-"}.get(event.type, " ")
            for name in concerned:
                self.tell(name, now, f"{verb} {event.kind} {event.body['metadata']['name']} {new}")


def describe(kind: str, body: Body) -> str:
    """Say in one line what matters of an object."""
    status, metadata = body.get("status") or {}, body["metadata"]
    going = " terminating" if metadata.get("deletionTimestamp") else ""
    if kind in COMPONENTS:
        ready = condition(body, "Ready")
        text = f"generation {metadata['generation']}/{status.get('observedGeneration')} "
        text += f"replicas {body['spec'].get('replicas', 1)} Ready={ready.get('status')} "
        return text + f"{ready.get('reason')}: {str(ready.get('message'))[:160]}{going}"
    if kind == "Pod":
        waiting = [
            next(iter((c.get("state") or {}).values()), {}).get("reason") or next(iter(c["state"]))
            for c in status.get("containerStatuses") or ()
            if c.get("state")
        ]
        ready = condition(body, "Ready").get("status")
        node = (body.get("spec") or {}).get("nodeName")
        return f"{status.get('phase')} Ready={ready} {waiting} on {node}{going}"
    if kind in ("Deployment", "ReplicaSet"):
        names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        counts = {name: status.get(name) for name in names if name in status}
        seen = f"{metadata.get('generation')}/{status.get('observedGeneration')}"
        return f"generation {seen} spec {body['spec'].get('replicas')} {counts}{going}"
    return f"Ready={condition(body, 'Ready').get('status')}{going}"


def _busy(name: Name, episode: Episode, count: int) -> Busy:
    examples = tuple(sorted(episode.messages)[:6])
    return Busy(count, str(name), "/".join(episode.reason), examples)


def _said(resource: Body) -> str:
    ready = condition(resource, "Ready")
    return f"Ready={ready.get('status')} {ready.get('reason')}: {ready.get('message')}"
