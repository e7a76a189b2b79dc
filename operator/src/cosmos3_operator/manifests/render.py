"""Plan → the exact children, in the order in which they are applied."""

from __future__ import annotations

from cosmos3_operator.manifests.configmap import build_configmap
from cosmos3_operator.manifests.deployment import build_deployment
from cosmos3_operator.manifests.job import build_access_job
from cosmos3_operator.manifests.metadata import Manifest
from cosmos3_operator.manifests.networkpolicy import build_network_policy
from cosmos3_operator.manifests.pvc import build_claim
from cosmos3_operator.manifests.service import build_service
from cosmos3_operator.plan.types import Plan


def render(plan: Plan) -> tuple[Manifest, ...]:
    """Return every child of a plan.

    What pods depend on comes before the Deployment, the policy that confines them first of all.
    """
    children = (
        build_network_policy(plan),
        build_configmap(plan),
        build_claim(plan),
        build_service(plan),
        build_access_job(plan),
        build_deployment(plan),
    )
    return tuple(child for child in children if child is not None)
