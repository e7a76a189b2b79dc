"""The script of a life: a seed in, the same events out, on every machine.

Time is simulated: each duration is what it would be in the real world, in seconds, and is divided
by the factor when it is played. The script keeps its own idea of the fleet, so that it breaks what
runs and mends what is broken; how the cluster takes it, it does not know.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

MINUTE = 60.0
HOUR = 3600.0

SIZES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("CosmosReasoner", {}),
    ("CosmosReasoner", {"parallelism": {"tensor": 2}}),
    ("CosmosGenerator", {}),
    ("CosmosGenerator", {"parallelism": {"tensor": 2}}),
    ("CosmosGenerator", {"parallelism": {"tensor": 4}}),
    ("CosmosGenerator", {"model": "nvidia/Cosmos3-Super"}),
)
"""Kinds and how much they need: 1 to 8 GPUs for a replica."""

FAILURES: tuple[dict[str, str], ...] = (
    {"fail": "exit", "termination-message": "no weights here"},
    {"fail": "exit", "reason": "OOMKilled"},
    {"fail": "image-pull"},
    {"fail": "never-ready"},
    {"fail": "init-exit"},
)
NEVER_FITS = {"gpu": {"products": ["NVIDIA-B300"]}}
IMPOSSIBLE = {"runtime": {"version": "9.9.9"}}


@dataclass(frozen=True, order=True)
class Act:
    """Something happens at a simulated time."""

    at: float
    number: int
    what: str = field(compare=False)
    name: str = field(default="", compare=False)
    more: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        words = " ".join(f"{key}={value}" for key, value in self.more.items())
        return f"{self.at / MINUTE:7.1f} min  {self.what} {self.name} {words}".rstrip()


@dataclass
class Member:
    """What the script knows of one resource."""

    name: str
    kind: str
    replicas: int
    broken: bool = False
    busy_until: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long, how many, and how often the ground shakes."""

    seed: int
    hours: float
    fleet: int
    acts_per_hour: float
    operator_kills: int
    server_restarts: int
    node_losses: int
    nodes: tuple[str, ...]
    silence: float
    """Simulated seconds until a silent node counts as lost."""


def write(plan: Plan) -> list[Act]:
    """Return the whole life in order."""
    return _Writer(plan).write()


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._dice = random.Random(plan.seed)
        self._numbers = count()
        self._names = count()
        self._fleet: dict[str, Member] = {}
        self._acts: list[Act] = []
        self._later: list[Act] = []
        self._now = 0.0

    def write(self) -> list[Act]:
        plan = self._plan
        end = plan.hours * HOUR
        for _ in range(plan.fleet // 2):
            self._create()
        self._shake(end)
        while self._now < end:
            self._now += self._dice.expovariate(plan.acts_per_hour / HOUR)
            self._flush(self._now)
            if self._now < end:
                self._live()
        self._flush(float("inf"))
        return sorted(self._acts)

    def _flush(self, until: float) -> None:
        """Let happen what was to follow from earlier acts."""
        while self._later and self._later[0].at <= until:
            self._acts.append(heapq.heappop(self._later))

    def _shake(self, end: float) -> None:
        """Put what happens to the cluster itself at moments of its own, not all at once."""
        plan, dice = self._plan, self._dice
        for index in range(plan.operator_kills):
            at = self._moment(end, index, plan.operator_kills)
            self._after(at, "kill-operator", "")
            self._after(at + dice.uniform(0.5, 4) * MINUTE, "start-operator", "")
        for index in range(plan.server_restarts):
            self._after(self._moment(end, index, plan.server_restarts), "restart-server", "")
        for index in range(plan.node_losses):
            at, node = self._moment(end, index, plan.node_losses), dice.choice(plan.nodes)
            if index % 2:
                self._after(at, "lose-node", node)
                self._after(at + dice.uniform(5, 40) * MINUTE, "return-node", node)
            else:
                self._after(at, "silence-node", node)
                self._after(at + dice.uniform(0.5, 2.5) * plan.silence, "revive-node", node)

    def _moment(self, end: float, index: int, of: int) -> float:
        return (index + self._dice.uniform(0.3, 0.8)) * end / of

    def _live(self) -> None:
        free = [m for m in self._fleet.values() if m.busy_until <= self._now]
        acts: list[tuple[int, Callable[[], None]]] = []
        if len(self._fleet) < self._plan.fleet:
            acts.append((6, self._create))
        for weight, act, fits in (
            (6, self._crash, lambda m: not m.broken and m.replicas),
            (4, self._unready, lambda m: not m.broken and m.replicas),
            (3, self._kill_pod, lambda m: m.replicas),
            (5, self._scale, lambda m: True),
            (5, self._roll, lambda m: True),
            (2, self._break, lambda m: not m.broken),
            (2, self._impossible, lambda m: not m.broken),
            (3, self._drain, lambda m: m.replicas and not m.broken),
            (3, self._delete, lambda m: len(self._fleet) > self._plan.fleet // 2),
            (3, self._recreate, lambda m: True),
        ):
            if fitting := [m for m in free if fits(m)]:
                acts.append((weight, _bind(act, self._dice.choice(fitting))))
        if acts:
            weights, choices = zip(*acts, strict=True)
            self._dice.choices(choices, weights)[0]()

    # What may happen to a resource.

    def _create(self) -> None:
        kind, size = self._dice.choice(SIZES)
        member = Member(f"r{next(self._names)}", kind, self._dice.choice((1, 1, 1, 2, 3)))
        self._fleet[member.name] = member
        spec = {**size, "replicas": member.replicas}
        if self._dice.random() < 0.06:
            spec |= NEVER_FITS
        fate = self._fate()
        self._do("create", member, kind=kind, spec=spec, fate=fate)
        self._fail_for_a_while(member, fate)

    def _fate(self) -> dict[str, str]:
        """Return how a start goes: times as real ones, and perhaps a failure."""
        dice = self._dice
        fate = {
            "ready-after": f"{dice.triangular(2, 30, 4) * MINUTE:.0f}",
            "pull-time": f"{dice.uniform(0.5, 8) * MINUTE:.0f}",
            "back-off": f"{dice.choice((10, 20, 40, 80, 160, 300))}",
        }
        return fate | (dice.choice(FAILURES) if dice.random() < 0.35 else {})

    def _fail_for_a_while(self, member: Member, fate: Mapping[str, str]) -> None:
        member.broken = "fail" in fate
        if not member.broken:
            return
        until = self._now + self._dice.uniform(10, 60) * MINUTE
        how = self._dice.choice(("mend-pods", "mend-spec"))
        self._reserve(member, until)
        self._after(until, how, member.name, fate=self._healthy())
        member.broken = False

    def _healthy(self) -> dict[str, str]:
        return {k: v for k, v in self._fate().items() if k in ("ready-after", "pull-time")}

    def _crash(self, member: Member) -> None:
        reason = self._dice.choice(("Error", "OOMKilled"))
        words = {
            "fail": "exit",
            "reason": reason,
            "ready-after": f"{self._dice.uniform(5, 300):.0f}",
        }
        self._hurt(member, words, minutes=(3, 40))

    def _unready(self, member: Member) -> None:
        self._hurt(member, {"fail": "never-ready"}, minutes=(0.5, 20))

    def _hurt(self, member: Member, words: dict[str, str], *, minutes: tuple[float, float]) -> None:
        pods = self._dice.choice(("one", "all"))
        self._do("annotate-pods", member, words=words, pods=pods)
        until = self._now + self._dice.uniform(*minutes) * MINUTE
        self._reserve(member, until)
        self._after(until, "mend-pods", member.name, fate=self._healthy())

    def _kill_pod(self, member: Member) -> None:
        self._do("delete-pod", member)

    def _scale(self, member: Member) -> None:
        member.replicas = self._dice.choice([n for n in range(4) if n != member.replicas])
        self._do("scale", member, replicas=member.replicas)

    def _roll(self, member: Member) -> None:
        fate = self._fate()
        self._do("roll", member, fate=fate)
        self._fail_for_a_while(member, fate)

    def _break(self, member: Member) -> None:
        fate = self._healthy() | self._dice.choice(FAILURES)
        self._do("roll", member, fate=fate)
        self._fail_for_a_while(member, fate)

    def _impossible(self, member: Member) -> None:
        self._do("change", member, spec=IMPOSSIBLE)
        until = self._now + self._dice.uniform(3, 30) * MINUTE
        self._reserve(member, until)
        self._after(until, "change", member.name, spec={"runtime": None})

    def _drain(self, member: Member) -> None:
        """Let pods take their time to end, and give them a reason to."""
        until = self._now + self._dice.uniform(15, 45) * MINUTE
        self._do("hold-pods", member)
        self._reserve(member, until)
        self._after(until, "release-pods", member.name)
        self._now += 1
        way = self._dice.choice(("to zero", "down", "roll", "delete"))
        if way == "to zero":
            self._do("scale", member, replicas=0)
            self._after(until + MINUTE, "scale", member.name, replicas=member.replicas)
        elif way == "down" and member.replicas > 1:
            member.replicas -= 1
            self._do("scale", member, replicas=member.replicas)
        elif way == "roll":
            self._do("roll", member, fate=self._healthy())
        else:
            self._do("delete-pod", member)

    def _delete(self, member: Member) -> None:
        del self._fleet[member.name]
        self._do("delete", member, propagation=self._dice.choice(("Foreground", "Background")))
        self._drop_later(member)

    def _recreate(self, member: Member) -> None:
        """Delete and create under the same name, before anybody could notice."""
        propagation = self._dice.choice(("Foreground", "Background"))
        self._do("delete", member, propagation=propagation)
        self._drop_later(member)
        member.replicas = self._dice.choice((1, 1, 2))
        size = self._dice.choice([size for kind, size in SIZES if kind == member.kind])
        spec = {**size, "replicas": member.replicas}
        self._do("create", member, kind=member.kind, spec=spec, fate=self._healthy())

    # How it is written down.

    def _do(self, what: str, member: Member, **more: Any) -> None:
        self._acts.append(Act(self._now, next(self._numbers), what, member.name, more))

    def _after(self, at: float, what: str, name: str, **more: Any) -> None:
        heapq.heappush(self._later, Act(at, next(self._numbers), what, name, more))

    def _reserve(self, member: Member, until: float) -> None:
        member.busy_until = until

    def _drop_later(self, member: Member) -> None:
        self._later = [a for a in self._later if a.name != member.name]
        heapq.heapify(self._later)


def _bind(act: Callable[[Member], None], member: Member) -> Callable[[], None]:
    return lambda: act(member)


def summary(acts: list[Act]) -> Iterator[str]:
    """Say how often what happens."""
    whats = [act.what for act in acts]
    for what in sorted(set(whats)):
        yield f"{whats.count(what)} {what}"
