"""What a pod makes sure of before its server starts."""

from __future__ import annotations

from typing import Literal

from cosmos3_operator.api.base import Model


class Preflight(Model):
    """Checks that end with a reason where the server would hang or fail with an obscure line."""

    devices: Literal["Enabled", "Disabled"] = "Enabled"
    """Look at the GPUs first: their number, compute capability, driver, shared memory, and whether
    the cache can be written. An init container of the server's own image does it in a second or
    two, with the GPUs that the server gets. Only for resources of NVIDIA (nvidia.com/...)."""
