"""What is found out before a replica takes GPUs."""

from __future__ import annotations

from typing import Any, Literal

from cosmos3_operator.api.base import Model
from cosmos3_operator.api.rules import Rule, Values


class Preflight(Model):
    """What is found out before a replica takes GPUs."""

    access: Literal["Auto", "Required", "Advisory", "Disabled"] = "Auto"
    """Whether a small Job asks the hub for every repository that will be downloaded. Required: the
    pods wait until access was granted. Advisory: they do not wait, and condition HubAccess tells.
    Disabled: nobody asks. Auto: Required with a token and a model from the hub, otherwise
    Disabled. Needs an operator that runs with --preflight-image."""


def _asks_the_hub_offline(spec: Any) -> Values | None:
    contradicts = spec.hugging_face.offline and spec.preflight.access == "Required"
    return {} if contradicts else None


OFFLINE_RULE = Rule(
    cel="!(self.huggingFace.offline && self.preflight.access == 'Required')",
    message="Required contradicts huggingFace.offline: with that the hub is never asked; drop one "
    "of them",
    check=_asks_the_hub_offline,
    path=".preflight.access",
)
"""A rule over the spec of either kind."""
