"""What can go wrong between us and the API server, as one tree.

    ClusterError
    ├── AccessError           the way to the cluster is not configured, or not usable
    ├── Unavailable           no answer, or "later": network, timeout, 429, 5xx → try again
    │   └── Undeclared        a field that was applied is not in the schema, which is older
    └── Refused               the API server answered no, and says why
        ├── Unauthorized      401: it does not know us
        ├── Forbidden         403: we may not; a terminating namespace; a quota used up
        ├── NotFound          404
        ├── Conflict          409: another manager owns a field, or another object has the name
        └── Unprocessable     422: the object breaks a rule

In: HTTP status, headers and body. Out: exceptions. No message ever holds a credential: they carry
the API server's own words and the path only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

LONGEST_TEXT = 500
_UNDECLARED = re.compile(r"(\.\S+): field not declared in schema")
"""structured-merge-diff typed/validate.go."""


class ClusterError(Exception):
    """Anything that keeps us from doing what we want in the cluster."""


class AccessError(ClusterError):
    """The kubeconfig, a credential or a certificate is missing or cannot be used."""


class Unavailable(ClusterError):  # noqa: N818 - it says what is the matter
    """No answer, or an answer that asks to come back later."""

    def __init__(self, message: str, *, code: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class Undeclared(Unavailable):
    """The kind's schema lacks fields that were applied; it may get them at any time."""

    def __init__(self, message: str, *, code: int, paths: tuple[str, ...]) -> None:
        super().__init__(message, code=code)
        self.paths = paths
        """As the API server names them: .status.plan.image, .status.findings[0].message …"""


class Refused(ClusterError):  # noqa: N818 - it says what is the matter
    """The API server's Status object, when it says no."""

    def __init__(
        self, message: str, *, code: int, reason: str, fields: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.fields = fields
        """Paths of the fields that the API server names as causes."""

    @property
    def is_other_object(self) -> bool:
        """Whether the name now belongs to another object than the uid we sent.

        The API server answers 422 on `metadata.uid` if an object with another uid has the name,
        and 409 if no object has it.
        """
        return self.code == 409 or (self.code == 422 and "metadata.uid" in self.fields)


class Unauthorized(Refused):
    """401: the credentials are missing, wrong or expired."""


class Forbidden(Refused):
    """403: not permitted, terminating namespace, or quota."""


class NotFound(Refused):
    """404: no such object, or no such kind."""


class Conflict(Refused):
    """409: a field belongs to another manager, or a precondition does not hold."""


class Unprocessable(Refused):
    """422: the object is not valid."""


_BY_CODE: Mapping[int, type[Refused]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Unprocessable,
}


def from_response(
    *, code: int, headers: Mapping[str, str], body: bytes, what: str
) -> Refused | Unavailable:
    """Turn an unsuccessful answer into the exception that says what to do about it."""
    status = _parse_status(body)
    message = str(status.get("message") or _text(body) or "no message")[:LONGEST_TEXT]
    if paths := tuple(_UNDECLARED.findall(message)):
        return Undeclared(f"{what}: {code} {message}", code=code, paths=paths)
    if code == 429 or code >= 500:
        return Unavailable(
            f"{what}: {code} {message}", code=code, retry_after=_retry_after(headers, status)
        )
    reason = str(status.get("reason") or "Unknown")
    fields = _fields(status)
    return _BY_CODE.get(code, Refused)(message, code=code, reason=reason, fields=fields)


def _parse_status(body: bytes) -> Mapping[str, Any]:
    try:
        status = json.loads(body)
    except ValueError:
        return {}
    return status if isinstance(status, dict) and status.get("kind") == "Status" else {}


def _fields(status: Mapping[str, Any]) -> tuple[str, ...]:
    causes = (status.get("details") or {}).get("causes") or ()
    return tuple(str(cause.get("field") or "") for cause in causes)


def _text(body: bytes) -> str:
    return body[:LONGEST_TEXT].decode("utf-8", "replace").strip()


def _retry_after(headers: Mapping[str, str], status: Mapping[str, Any]) -> float | None:
    details = status.get("details")
    old_style = details.get("retryAfterSeconds") if isinstance(details, dict) else None
    try:
        return max(0.0, float(headers.get("Retry-After") or old_style or ""))
    except ValueError:
        return None
