"""What is found out before a server starts, and by whom."""

from __future__ import annotations

from typing import Any, Literal

from cosmos3_operator.api.base import Model
from cosmos3_operator.api.rules import Rule, Values


class Preflight(Model):
    """Checks that end with a reason where the server would hang or fail with an obscure line."""

    access: Literal["Auto", "Required", "Advisory", "Disabled"] = "Auto"
    """Ask the hub for every repository that will be downloaded, by a small Job that takes no GPU.
    Required: the pods wait until access was granted. Advisory: they do not wait, and condition
    HubAccess tells. Disabled: nobody asks. Auto: Required with a token and a model from the hub,
    otherwise Disabled. Needs an operator that runs with --preflight-image."""
    devices: Literal["Enabled", "Disabled"] = "Enabled"
    """Look at the GPUs first: their number, compute capability, driver, shared memory, and whether
    the cache can be written. An init container of the server's own image does it in a second or
    two, with the GPUs that the server gets. Only for resources of NVIDIA (nvidia.com/...)."""


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
