"""Why a claim has no volume.

In: the claims that the plan names, the live one if it is ours, and their events. Out: a finding. A
claim that waits for its first pod, or for a volume that is being made, is as it should be, and says
nothing.
"""

from __future__ import annotations

from collections.abc import Set

from cosmos3_operator.plan.types import CacheKind, Plan
from cosmos3_operator.status.events import events_of, most_telling, since_progress
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.observe import ChildRef, Observation
from cosmos3_operator.status.words import said

CLAIM = "PersistentVolumeClaim"
_LOST = "Bound claim has lost its PersistentVolume"
_TELLING = frozenset(
    {
        "ProvisioningFailed",
        "FailedBinding",
        "ExternalProvisioning",
        "ClaimLost",
        "ClaimMisbound",
        "VolumeMismatch",
    }
)


_BEING_MADE = frozenset({"ExternalProvisioning"})
"""Said of every claim whose volume an external provisioner makes: a matter of seconds, usually."""


def claims_of(plan: Plan) -> tuple[str, ...]:
    """Return the names of the claims that the pods mount."""
    cache = () if plan.cache.kind is CacheKind.EMPTY_DIR else (plan.cache.claim_name,)
    media = (plan.media.claim_name,) if plan.media else ()
    return tuple(dict.fromkeys((*cache, *media)))


def claim_finding(plan: Plan, observation: Observation, *, is_new: bool) -> Finding | None:
    """Return what the first claim that lacks its volume says, None if none does.

    `is_new`: the pod has not waited for long, so a volume may still be on its way.
    """
    telling = _TELLING - _BEING_MADE if is_new else _TELLING
    found = (_of_claim(observation, name, telling=telling) for name in claims_of(plan))
    return next(filter(None, found), None)


def is_bound(observation: Observation, name: str) -> bool | None:
    """Tell whether a claim has its volume, None if it is not ours to know."""
    child = observation.children.get(ChildRef(CLAIM, name))
    phase = ((child or {}).get("status") or {}).get("phase")
    return None if child is None or phase is None else phase == "Bound"


def _of_claim(observation: Observation, name: str, *, telling: Set[str]) -> Finding | None:
    child = observation.children.get(ChildRef(CLAIM, name), {})
    phase = (child.get("status") or {}).get("phase")
    if phase == "Lost" and (lost := said("claim", _LOST)):
        return lost.finding(evidence="", claim=name)
    if phase == "Bound":
        return None
    events = since_progress(events_of(observation, CLAIM, name))
    known = tuple(event for event in events if event.get("reason") in telling)
    if found := most_telling("claim", known):
        says, text = found
        return says.finding(evidence=text, claim=name)
    return None
