"""What the demo looks like: a live table on a terminal, one line for each change elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demo.expected import ready_of

_COLOURS = {"True": "bold green", "False": "yellow", "": "dim"}


class Screen:
    """Shows resources while they change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._seen: dict[str, str] = {}
        self._live = Live(console=console, refresh_per_second=8, transient=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, resources: list[Mapping[str, Any]]) -> None:
        """Show the resources as they are now."""
        if self._console.is_terminal:
            self._live.update(_table(resources, time.monotonic() - self._began))
            return
        for resource in resources:
            ready = ready_of(resource)
            line = f"{ready.get('reason', 'Waiting')}: {ready.get('message', '')}"
            name = f"{resource['kind']}/{resource['metadata']['name']}"
            if self._seen.get(name) != line:
                self._seen[name] = line
                elapsed = time.monotonic() - self._began
                self._console.print(f"  {elapsed:5.1f} s  {name}: {line}", soft_wrap=True)


def _table(resources: list[Mapping[str, Any]], elapsed: float) -> Table:
    table = Table(expand=True, caption=f"{elapsed:.0f} s", caption_justify="right")
    for title in ("Resource", "Model", "GPUs", "Ready", "Reason"):
        table.add_column(title, no_wrap=True)
    table.add_column("What it says", ratio=1)
    for resource in resources:
        table.add_row(*_row(resource))
    return table


def _row(resource: Mapping[str, Any]) -> list[Text]:
    ready = ready_of(resource)
    status = ready.get("status", "")
    plan = resource.get("status", {}).get("plan", {})
    cells = (
        f"{resource['kind']}/{resource['metadata']['name']}",
        resource["spec"]["model"].removeprefix("nvidia/"),
        str(plan.get("gpusPerReplica", "")),
        status,
        ready.get("reason", "…"),
        ready.get("message", ""),
    )
    colour = _COLOURS[status]
    return [Text(cell, style=colour if index in (3, 4) else "") for index, cell in enumerate(cells)]
