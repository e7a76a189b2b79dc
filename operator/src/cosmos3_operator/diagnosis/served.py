"""What a plan says about memory and the hub, read back from it by whoever looks at a failure.

In: a plan. Out: the layout it runs with, what the catalog knows of its checkpoint, where its token
is. The server was told all of this by arguments and variables, so these are what is true of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cosmos3_operator.api.resource import Kind
from cosmos3_operator.catalog.load import Catalog, load
from cosmos3_operator.catalog.types import Checkpoint, Surface, SurfaceFacts
from cosmos3_operator.diagnosis.types import Fact
from cosmos3_operator.plan.fit import Card, Reading
from cosmos3_operator.plan.memory import Layout
from cosmos3_operator.plan.types import EnvVar, Plan

_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_QUANTIZATIONS = {"fp8": "FP8"}


@dataclass(frozen=True, kw_only=True)
class Served:
    """A checkpoint, and what is known of it."""

    catalog: Catalog
    checkpoint: Checkpoint | None
    facts: SurfaceFacts | None


def served(plan: Plan) -> Served:
    """Return what is known of the checkpoint of a plan."""
    catalog = load()
    checkpoint = catalog.checkpoint(plan.model)
    surface = Surface.GENERATOR if is_generator(plan) else Surface.REASONER
    facts = checkpoint.surfaces.get(surface) if checkpoint else None
    return Served(catalog=catalog, checkpoint=checkpoint, facts=facts)


def is_generator(plan: Plan) -> bool:
    """Tell whether vLLM-Omni makes pictures here."""
    return plan.owner.kind is Kind.GENERATOR


def layout(plan: Plan) -> Layout:
    """Return what decides how much memory a Generator needs."""
    return Layout(split=plan.gpus, offload=offload(plan), quantization=_quantization(plan))


def reading(plan: Plan) -> Reading:
    """Return what decides how much memory a Reasoner needs."""
    tokens = value_of(plan.args, "--max-model-len")
    return Reading(
        split=plan.gpus,
        quantization=_quantization(plan),
        context_tokens=int(tokens) if tokens.isdecimal() else None,
        usable_share=plan.memory.usable_share,
    )


def offload(plan: Plan) -> str:
    """Return spec.offload, as the server was told."""
    if "--enable-layerwise-offload" in plan.args:
        return "Layerwise"
    return "Model" if "--enable-cpu-offload" in plan.args else "None"


def card(plan: Plan, *, gib: float) -> Card | None:
    """Return the GPU that a server runs on, None if neither its log nor the plan says how large."""
    product = plan.gpu_products[0] if len(plan.gpu_products) == 1 else ""
    known = load().gpu(product)
    mib = round(gib * 1024) or (known.memory_mib if known else 0)
    return Card(memory_mib=mib, product=product) if mib else None


def facts_of(plan: Plan) -> frozenset[Fact]:
    """Return what decides between rules for the same words."""
    guarded = plan.guardrails is not None and plan.guardrails.enabled
    return frozenset(
        (
            Fact.TOKEN if token_place(plan) else Fact.NO_TOKEN,
            Fact.OFFLINE if is_offline(plan) else Fact.ONLINE,
            Fact.NO_OFFLOAD if offload(plan) == "None" else Fact.OFFLOAD,
            *([Fact.GUARDRAILS] if guarded else []),
        )
    )


def token_place(plan: Plan) -> str:
    """Return where the token is kept, "" if none is given."""
    token = next((var for var in plan.env if var.name in _TOKENS), None)
    if token is None:
        return ""
    return f"key {token.secret.key} of Secret {token.secret.name}" if token.secret else token.name


def is_offline(plan: Plan) -> bool:
    """Tell whether the server may not download anything."""
    return _env(plan.env, "HF_HUB_OFFLINE") in ("1", "true", "True", "ON", "YES")


def value_of(args: Sequence[str], flag: str) -> str:
    """Return the value of an argument, "" if it has none or is not there."""
    for word, following in zip(args, [*args[1:], ""], strict=True):
        if word == flag:
            return following
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return ""


def _quantization(plan: Plan) -> str:
    return _QUANTIZATIONS.get(value_of(plan.args, "--quantization"), "None")


def _env(variables: Sequence[EnvVar], name: str) -> str:
    return next((var.value or "" for var in variables if var.name == name), "")
