"""What the hub is asked before a GPU is taken, and whether the pods wait for the answer.

In: spec.preflight and spec.huggingFace, the guardrails as planned, the catalog. Out: `AccessPlan`,
or None where nothing is to be asked. The token itself is never seen here: only where it is kept.
"""

from __future__ import annotations

from cosmos3_operator.api.reasoner import CosmosReasonerSpec
from cosmos3_operator.api.resource import Spec
from cosmos3_operator.catalog.load import Catalog
from cosmos3_operator.plan.environment import hub_environment
from cosmos3_operator.plan.types import AccessPlan, GuardrailPlan, HubRepository


def plan_access(
    spec: Spec, *, guardrails: GuardrailPlan | None, catalog: Catalog, image: str
) -> AccessPlan | None:
    """Return what is asked, and by which image; None if nothing is."""
    repositories = hub_repositories(spec, guardrails, catalog)
    if spec.hugging_face.offline or not repositories or not _is_wanted(spec):
        return None
    return AccessPlan(
        required=spec.preflight.access != "Advisory",
        repositories=repositories,
        env=hub_environment(spec),
        image=image,
    )


def _is_wanted(spec: Spec) -> bool:
    if spec.preflight.access == "Auto":
        return spec.hugging_face.token_secret_ref is not None and not _is_path(spec)
    return spec.preflight.access != "Disabled"


def hub_repositories(
    spec: Spec, guardrails: GuardrailPlan | None, catalog: Catalog
) -> tuple[HubRepository, ...]:
    """Return every repository that the servers download, the checkpoint first."""
    revision = (spec.revision or "") if isinstance(spec, CosmosReasonerSpec) else ""
    model = () if _is_path(spec) else (HubRepository(name=spec.model, revision=revision),)
    more = catalog.guardrails.repositories if guardrails and guardrails.enabled else ()
    return (*model, *(HubRepository(name=name) for name in more))


def _is_path(spec: Spec) -> bool:
    return spec.model.startswith("/")
