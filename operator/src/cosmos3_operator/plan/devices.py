"""Whether the pod looks at its GPUs before the server starts, and for what.

In: spec.preflight, the GPU resource, what is known of checkpoint and image. Out: `DeviceCheck`.
"""

from __future__ import annotations

from cosmos3_operator.api.common import ServingSpec
from cosmos3_operator.plan.types import DeviceCheck, RuntimeChoice

VENDOR = "nvidia.com/"
"""The look is taken through NVIDIA's driver, so at resources of its device plugin only."""


def plan_devices(
    spec: ServingSpec, *, choice: RuntimeChoice, compute_capability: str
) -> DeviceCheck | None:
    """Return the check, None where it is disabled or cannot be made."""
    if spec.preflight.devices == "Disabled" or not spec.gpu.resource_name.startswith(VENDOR):
        return None
    return DeviceCheck(cuda=choice.cuda, min_compute_capability=compute_capability)
