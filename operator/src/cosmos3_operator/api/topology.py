"""Rules about which checkpoint can be served on which surface, from the catalog."""

from __future__ import annotations

from collections.abc import Iterable

from cosmos3_operator.api.rules import Rule, Values, cel_list
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Checkpoint, Surface


def surface_rules(surface: Surface, known: Iterable[Checkpoint] | None = None) -> tuple[Rule, ...]:
    """Return the rule that a known checkpoint must have this surface; () if all of them have it."""
    known = load().checkpoints if known is None else known
    without = sorted(c.model for c in known if surface not in c.surfaces)
    if not without:
        return ()
    other = Surface.REASONER if surface is Surface.GENERATOR else Surface.GENERATOR

    def check(spec: object) -> Values | None:
        model = getattr(spec, "model", "")
        return {"model": model} if model in without else None

    rule = Rule(
        cel=f"!(self.model in {cel_list(without)})",
        message=f"{{model}} has no {surface} surface: serve it with a Cosmos{other}, or choose an "
        "omnimodal checkpoint such as nvidia/Cosmos3-Nano",
        values={"model": "self.model"},
        check=check,
        path=".model",
    )
    return (rule,)
