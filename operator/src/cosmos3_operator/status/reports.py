"""What a program of `probes` left behind: a line of JSON in the message of its container's end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def report_in(text: str, *, probe: str) -> Mapping[str, Any]:
    """Return the report of a probe, {} if the text ends with anything else."""
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        report = json.loads(lines[-1]) if lines else None
    except ValueError:
        return {}
    return report if isinstance(report, dict) and report.get("probe") == probe else {}
