"""What permissions.md shows of the operator's roles: the rows by where they are granted."""

from __future__ import annotations

from typing import Any

from cosmos3_operator.reconcile.permissions import rows


def permissions() -> dict[str, Any]:
    """Return the values of the template."""
    return {
        scope: [row for row in rows() if row.scope == scope]
        for scope in ("namespace", "cluster", "release")
    }
