"""Claim and truth: two plain questions about one resource.

The claim is what a user's tools read: Ready is True and about the current generation. The truth is
what the pods are. Both are pure functions of what was seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from life.world import EDITION, Body, Name, World, condition, edition, node_of


@dataclass(frozen=True)
class Truth:
    """Whether the resource serves as its spec says, and why not."""

    ready: bool
    why: str


def claim(resource: Body) -> bool:
    """Tell whether the status says to a careful reader that this spec is served."""
    ready = condition(resource, "Ready")
    generation = resource["metadata"]["generation"]
    return (
        ready.get("status") == "True"
        and ready.get("observedGeneration") == generation
        and (resource.get("status") or {}).get("observedGeneration") == generation
    )


def truth(world: World, resource: Body) -> Truth:
    """Look at Deployment, ReplicaSet, pods and nodes, and believe no count of theirs."""
    why = _untrue(world, resource)
    return Truth(why is None, why or "all pods of the spec are ready")


def _untrue(world: World, resource: Body) -> str | None:
    spec = resource.get("spec") or {}
    name = Name(resource["kind"], resource["metadata"]["name"])
    wanted, this = int(spec.get("replicas", 1)), edition(spec.get("pod", {}).get("annotations"))
    deployment = world.deployment(resource)
    if deployment is None:
        return "it has no Deployment"
    if int(deployment["spec"].get("replicas", 1)) != wanted:
        return f"its Deployment asks for {deployment['spec'].get('replicas')} of {wanted} replicas"
    if _template_edition(deployment) != this:
        return f"its Deployment is of edition {_template_edition(deployment)!r}, not {this!r}"
    pods = world.pods(name)
    if wanted == 0:
        return f"{len(pods)} pods are left" if pods else None
    newest = world.newest_set(deployment)
    if newest is None or _template_edition(newest) != this:
        return "its newest ReplicaSet is of another edition"
    return _pods_untrue(world, pods, wanted=wanted, owner=newest["metadata"]["uid"], this=this)


def _pods_untrue(
    world: World, pods: list[Body], *, wanted: int, owner: str, this: str
) -> str | None:
    """Count those that serve; those on their way out only matter where none is wanted.

    A pod that drains gets no new requests, and may take as long as its longest job: no tool of
    Kubernetes calls a Deployment unready meanwhile.
    """
    staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    good = [pod for pod in staying if serves(world, pod, owner=owner, this=this)]
    if len(good) != wanted:
        return f"{len(good)} of {wanted} pods serve"
    if len(staying) != wanted:
        return f"{len(staying) - wanted} other pods are left"
    return None


def serves(world: World, pod: Body, *, owner: str, this: str) -> bool:
    """Tell whether a pod is of this ReplicaSet, ready, and on a node that is alive."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return (
        any(one["uid"] == owner for one in owners)
        and (pod["metadata"].get("annotations") or {}).get(EDITION, "") == this
        and condition(pod, "Ready").get("status") == "True"
        and world.is_alive(node_of(pod))
    )


def _template_edition(body: Body) -> str:
    template = body["spec"]["template"]["metadata"]
    return edition(template.get("annotations"))
