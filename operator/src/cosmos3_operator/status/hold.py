"""Which children wait, and what is to be said of a Deployment that waits for a decision.

In: plan and observation. Out: refs that must not be applied yet, and a check. A Deployment waits
for access to the hub, or because it runs a model server that this version of the operator does not
know: nothing can be rendered for it, and what serves is not moved behind the user's back.
"""

from __future__ import annotations

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.access import is_held
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.observe import ChildRef, Observation


def hold(plan: Plan, observation: Observation) -> frozenset[ChildRef]:
    """Return the children that must not be applied yet."""
    waits = not plan.runtime.is_known or is_held(plan, observation)
    return frozenset({_deployment(plan)}) if waits else frozenset()


def runtime_unknown(plan: Plan, observation: Observation) -> Finding | None:
    """Report a number of replicas that cannot be had; what serves as asked is left to others."""
    spec = observation.children.get(_deployment(plan), {}).get("spec") or {}
    has = spec.get("replicas", plan.replicas)
    if plan.runtime.is_known or has == plan.replicas:
        return None
    return Finding(
        reason=Reason.RUNTIME_UNKNOWN,
        message=f"The Deployment {plan.owner.base} runs {plan.runtime.label}, which this version "
        f"of the operator does not know, so it is left as it is, with {has} instead of "
        f"{plan.replicas} replicas",
        remedy="Run a version of the operator that knows it, or name one that `cosmos3-operator "
        "runtimes` lists in spec.runtime.version, which restarts the pods",
        stalled=True,
    )


def _deployment(plan: Plan) -> ChildRef:
    return ChildRef("Deployment", plan.owner.base)
