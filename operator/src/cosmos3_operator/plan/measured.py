"""What was measured of a layout besides GPU memory: how long it starts, what host memory it takes.

In: the layout and the catalog's cases. Out: cases, to be named with their source beside what is set
aside. Budgets stay larger than what was measured: disks are slower elsewhere and hosts busier.
"""

from __future__ import annotations

from cosmos3_operator.catalog.load import Catalog
from cosmos3_operator.catalog.types import Checkpoint, MemoryCase, Surface
from cosmos3_operator.plan.memory import Layout, is_of_nim, is_same


def ready_case(
    layout: Layout, *, checkpoint: Checkpoint | None, catalog: Catalog
) -> MemoryCase | None:
    """Return the slowest start that was measured for this very layout, None if there is none."""
    cases = [
        case for case in _cases(checkpoint, catalog) if case.ready_seconds and is_same(case, layout)
    ]
    return max(cases, key=lambda case: case.ready_seconds, default=None)


def host_memory_case(
    offload: str, *, checkpoint: Checkpoint | None, catalog: Catalog
) -> MemoryCase | None:
    """Return the most host memory that was measured with an offload mode, for whatever split."""
    cases = [
        case
        for case in _cases(checkpoint, catalog)
        if case.host_peak_gib and case.offload == offload and not is_of_nim(case)
    ]
    return max(cases, key=lambda case: case.host_peak_gib, default=None)


def _cases(checkpoint: Checkpoint | None, catalog: Catalog) -> tuple[MemoryCase, ...]:
    if checkpoint is None:
        return ()
    return catalog.memory_cases(checkpoint.family, Surface.GENERATOR)
