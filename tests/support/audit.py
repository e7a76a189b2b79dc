"""What the operator asked of the API server, as the server's audit log has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WRITES = ("create", "update", "patch", "delete", "deletecollection")
_OURS = b'"userAgent":"cosmos3-operator'


class AuditLog:
    """Reads on from where it was, and of the lines of others nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._requests: list[dict[str, Any]] = []

    def requests(self) -> list[dict[str, Any]]:
        """Return all requests of the operator so far that were answered."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(whole + newline)
        found = [json.loads(line) for line in whole.splitlines() if _OURS in line]
        self._requests += [one for one in found if one["stage"] == "ResponseComplete"]
        return list(self._requests)

    def denied(self, user: str) -> list[dict[str, Any]]:
        """Return the requests of a user so far for which a permission was missing."""
        mine = [one for one in self.requests() if one["user"]["username"] == user]
        return [one for one in mine if is_denied(one)]

    def writes(self) -> list[dict[str, Any]]:
        """Return its writes so far, apart from those of its Lease."""
        return [
            one
            for one in self.requests()
            if one["verb"] in WRITES and one["objectRef"]["resource"] != "leases"
        ]


def is_denied(request: dict[str, Any]) -> bool:
    """Tell whether a permission was missing: a quota or the end of a namespace is no such thing.

    That an apply would create the object is found out late, and is in the message only.
    """
    decision = request.get("annotations", {}).get("authorization.k8s.io/decision")
    message = request["responseStatus"].get("message", "")
    return decision == "forbid" or (is_refused(request) and " cannot create resource " in message)


def is_about(request: dict[str, Any], *names: str) -> bool:
    """Tell whether a request is about one of these resources or a child of theirs."""
    name = str(request["objectRef"].get("name", ""))
    return any(name == one or name.startswith((f"{one}-", f"{one}.")) for one in names)


def is_refused(request: dict[str, Any]) -> bool:
    """Tell whether a write changed nothing because the API server would not have it."""
    return int(request["responseStatus"]["code"]) >= 400


def log_reads(found: list[dict[str, Any]], pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the requests for the logs of these pods."""
    names = {pod["metadata"]["name"] for pod in pods}
    return [
        one
        for one in found
        if one["objectRef"].get("subresource") == "log" and one["objectRef"]["name"] in names
    ]


def in_short(request: dict[str, Any]) -> str:
    """Say in one line what a request was."""
    ref, code = request["objectRef"], request["responseStatus"]["code"]
    return (
        f"{request['stageTimestamp']} {request['verb']} {ref['resource']}"
        f"{'/' + ref['subresource'] if 'subresource' in ref else ''} {ref.get('name')}: {code}"
    )
