"""Requests as data, before anything is sent.

In: a resource type, names, objects. Out: `Request`. Pure, so that every path, header and query
can be tested without a server, and so that the sending code has nothing left to decide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from cosmos3_operator.cluster.types import ResourceType

APPLY_PATCH = "application/apply-patch+yaml"
"""Server-side apply. The body is JSON, which is YAML, and faster to write and read."""

MERGE_PATCH = "application/merge-patch+json"
_JSON = {"Accept": "application/json", "Content-Type": "application/json"}
_STRICT = {"fieldValidation": "Strict"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request to the API server."""

    verb: str
    """What it does, in the words of role-based access control; also a metrics label."""
    resource: str
    """Plural of the resource, with the subresource if any; also a metrics label."""
    method: str
    path: str
    """Path and query, already encoded."""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Accept": "application/json"})
    body: bytes | None = None


# One encoder for all: json.dumps() with options would make a new one for every object.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False)


def encode(value: Mapping[str, Any]) -> bytes:
    """Write JSON without a wasted byte."""
    return _ENCODER.encode(value).encode()


def path_of(
    resource: ResourceType,
    *,
    namespace: str | None = None,
    name: str | None = None,
    subresource: str | None = None,
    query: Mapping[str, str] | None = None,
) -> str:
    """Build the path of a collection, an object or a subresource."""
    parts = [resource.root]
    if resource.namespaced and namespace is not None:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(resource.plural)
    parts += [quote(part, safe="") for part in (name, subresource) if part]
    return "/".join(parts) + (f"?{urlencode(query)}" if query else "")


def get(resource: ResourceType, *, namespace: str | None, name: str) -> Request:
    """Read one object."""
    path = path_of(resource, namespace=namespace, name=name)
    return Request(verb="get", resource=resource.plural, method="GET", path=path)


def served(group: str, version: str) -> Request:
    """Ask which resources of a group the API server serves."""
    return Request(verb="get", resource="discovery", method="GET", path=f"/apis/{group}/{version}")


def published(group: str, version: str) -> Request:
    """Ask for the schemas of a group, as the API server judges by them."""
    return Request(
        verb="get", resource="openapi", method="GET", path=f"/openapi/v3/apis/{group}/{version}"
    )


def list_page(
    resource: ResourceType,
    *,
    namespace: str | None = None,
    selector: str = "",
    fields: str = "",
    limit: int = 500,
    token: str = "",
) -> Request:
    """Read one page of a collection, chosen by labels, by fields, or whole."""
    query = {"limit": str(limit)}
    if selector:
        query["labelSelector"] = selector
    if fields:
        query["fieldSelector"] = fields
    if token:
        query["continue"] = token
    path = path_of(resource, namespace=namespace, query=query)
    return Request(verb="list", resource=resource.plural, method="GET", path=path)


def read_log(
    resource: ResourceType,
    *,
    namespace: str,
    name: str,
    container: str,
    is_previous: bool,
    lines: int,
    limit: int,
) -> Request:
    """Read the last lines of a container's log, each with its time.

    `limit` cuts off the end and not the beginning (cri-client logs.go: the writer stops once so
    many bytes are written), so it must be larger than what the lines are expected to take.
    """
    query = {
        "container": container,
        "tailLines": str(lines),
        "limitBytes": str(limit),
        "timestamps": "true",
    }
    if is_previous:
        query["previous"] = "true"
    return Request(
        verb="get",
        resource=f"{resource.plural}/log",
        method="GET",
        path=path_of(resource, namespace=namespace, name=name, subresource="log", query=query),
        # An error is sent as a Status object whatever is accepted; the log is plain text.
        headers={"Accept": "text/plain, application/json"},
    )


def apply(
    resource: ResourceType,
    *,
    namespace: str | None,
    name: str,
    body: bytes,
    manager: str,
    force: bool,
    subresource: str | None = None,
) -> Request:
    """Server-side apply of one object or of its subresource.

    Unknown fields are an error, never dropped in silence: a typo in a builder must not pass.
    """
    query = {
        "fieldManager": manager,
        "force": "true" if force else "false",
        "fieldValidation": "Strict",
    }
    return Request(
        verb="patch",
        resource=f"{resource.plural}/{subresource}" if subresource else resource.plural,
        method="PATCH",
        path=path_of(
            resource, namespace=namespace, name=name, subresource=subresource, query=query
        ),
        headers={"Accept": "application/json", "Content-Type": APPLY_PATCH},
        body=body,
    )


def create(
    resource: ResourceType, *, namespace: str | None, body: bytes, dry_run: bool = False
) -> Request:
    """Create an object that nobody has to find again by its name; as a dry run, only judge it."""
    query = _STRICT | ({"dryRun": "All"} if dry_run else {})
    return Request(
        verb="create",
        resource=resource.plural,
        method="POST",
        path=path_of(resource, namespace=namespace, query=query),
        headers=_JSON,
        body=body,
    )


def merge(resource: ResourceType, *, namespace: str | None, name: str, body: bytes) -> Request:
    """Change some fields of an object, whoever owns them."""
    return Request(
        verb="patch",
        resource=resource.plural,
        method="PATCH",
        path=path_of(resource, namespace=namespace, name=name, query=_STRICT),
        headers={"Accept": "application/json", "Content-Type": MERGE_PATCH},
        body=body,
    )


def delete(resource: ResourceType, *, namespace: str | None, name: str, uid: str) -> Request:
    """Delete exactly the object that was seen, not one that took its name since."""
    options = {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "preconditions": {"uid": uid},
        "propagationPolicy": "Background",
    }
    return Request(
        verb="delete",
        resource=resource.plural,
        method="DELETE",
        path=path_of(resource, namespace=namespace, name=name),
        headers=_JSON,
        body=encode(options),
    )
