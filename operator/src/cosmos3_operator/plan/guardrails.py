"""Guardrails, by the mechanism that the resolved runtime obeys.

The runtimes disagree: up to 0.28 only `--no-guardrails` works and a deploy config is dropped or
fatal; from 0.30 a deploy config works if it names its pipeline, and it overrules the flag. So
exactly one of the two is ever used.
"""

from __future__ import annotations

from cosmos3_operator.api.errors import FieldError, Invalid
from cosmos3_operator.api.generator import Guardrails
from cosmos3_operator.catalog.types import Checkpoint, Runtime
from cosmos3_operator.plan.types import DeployConfig, GuardrailMechanism, GuardrailPlan


def plan_guardrails(asked: Guardrails, *, runtime: Runtime, excused: bool) -> GuardrailPlan:
    """Return how guardrails will be in force.

    A known bug is excused, and then a warning, where a build of the user's own may have mended it
    or pods have served with it. Raises Invalid when the runtime cannot do what was asked.
    """
    mechanism = GuardrailMechanism(runtime.guardrails)
    bug = runtime.bug(f"guardrails={asked.mode}")
    if bug and not excused:
        raise Invalid(
            (
                FieldError(
                    "spec.runtime.version",
                    f"{runtime.label} cannot start with guardrails "
                    f"{asked.mode}: {bug.what} ({bug.source}). Use another version, or an image "
                    "of your own that is mended",
                ),
            )
        )
    if asked.offload_models and mechanism is not GuardrailMechanism.DEPLOY_CONFIG:
        raise Invalid(
            (
                FieldError(
                    "spec.guardrails.offloadModels",
                    f"is not obeyed by {runtime.label}, which reads no deploy "
                    "config: use spec.runtime.version 0.30.0 or newer, or leave it out",
                ),
            )
        )
    return GuardrailPlan(
        enabled=asked.mode == "Enabled",
        offload_models=asked.offload_models,
        mechanism=mechanism,
    )


def plan_deploy_config(
    guardrails: GuardrailPlan, *, runtime: Runtime, checkpoint: Checkpoint | None
) -> DeployConfig | None:
    """Return the deploy config that the runtime needs, if it obeys one at all.

    A robot policy gets the pipeline with the websocket where the runtime has it.
    """
    if guardrails.mechanism is not GuardrailMechanism.DEPLOY_CONFIG:
        return None
    own = checkpoint.pipeline if checkpoint else ""
    has_own = bool(own) and own in runtime.pipelines
    return DeployConfig(
        pipeline=own if has_own else runtime.pipelines[0],
        guardrails=guardrails.enabled,
        offload_guardrail_models=guardrails.offload_models,
        policy=checkpoint.policy_server if checkpoint and has_own else None,
    )
