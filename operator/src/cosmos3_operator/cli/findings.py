"""What `check` asks a cluster, and what the answers mean.

In: a client. Out: `Finding`s. Nothing is changed: access is asked about, schemas are read, and
resources are created as a dry run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cosmos3_operator.api.crds import schema
from cosmos3_operator.api.resource import GROUP, VERSION, Kind, plural
from cosmos3_operator.cluster import requests
from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import Forbidden, NotFound, Refused
from cosmos3_operator.cluster.requests import encode
from cosmos3_operator.cluster.review import Ask, is_allowed
from cosmos3_operator.reconcile.kinds import RESOURCES
from cosmos3_operator.reconcile.permissions import Row, Setup, asks

MODEL = "nvidia/Cosmos3-Nano"
"""Of the smallest resource: each kind serves it, and needs nothing else."""
MOST_PATHS = 3
SUBRESOURCES = ("status", "scale")


class Level(StrEnum):
    """How bad it is."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the answer."""

    level: Level
    text: str

    def __str__(self) -> str:
        """Return the line."""
        return f"{self.level}  {self.text}"


async def crds(client: Client) -> AsyncIterator[Finding]:
    """Yield whether each kind is served, and whether as this version knows it."""
    names = await _served_names(client)
    published = await _published(client) if names else None
    for kind in Kind:
        if (missing := _missing_names(kind, names)) is not None:
            yield Finding(level=Level.FAIL, text=missing)
        elif published is None:
            text = f"{plural(kind)}.{GROUP} is served; its schema could not be read"
            yield Finding(level=Level.WARN, text=text)
        else:
            yield _compared(kind, published.get(kind, {}))


async def _served_names(client: Client) -> frozenset[str]:
    try:
        found = await client.send(requests.served(GROUP, VERSION))
    except NotFound:
        return frozenset()
    return frozenset(item["name"] for item in found["resources"])


def _missing_names(kind: Kind, names: frozenset[str]) -> str | None:
    """Say what of a kind the API server does not serve; None if it serves all."""
    name = plural(kind)
    if name not in names:
        return (
            f"{name}.{GROUP} {VERSION} is not served: install the CRDs"
            " (cosmos3-operator crds | kubectl apply --server-side -f -)"
        )
    lacks = [part for part in SUBRESOURCES if f"{name}/{part}" not in names]
    return f"{name}.{GROUP} is served without {', '.join(lacks)}" if lacks else None


async def _published(client: Client) -> Mapping[str, Any] | None:
    """Return the schemas of our group by kind; None if we may not read them."""
    try:
        found = await client.send(requests.published(GROUP, VERSION))
    except Refused:
        return None
    return {
        names["kind"]: part
        for part in found["components"]["schemas"].values()
        for names in part.get("x-kubernetes-group-version-kind", ())
    }


def _compared(kind: Kind, published: Mapping[str, Any]) -> Finding:
    name = f"{plural(kind)}.{GROUP}"
    missing = [
        path
        for part in ("spec", "status")
        for path in absent(part, schema(kind)["properties"][part], _part(published, part))
    ]
    if not missing:
        return Finding(level=Level.PASS, text=f"{name} is served, with every field of this version")
    shown = ", ".join(missing[:MOST_PATHS]) + (" …" if len(missing) > MOST_PATHS else "")
    text = f"{name} is of another version and lacks {shown}: apply the CRDs of this version"
    return Finding(level=Level.FAIL, text=text)


def absent(path: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths of fields that we know and the cluster does not."""
    if "items" in ours:
        yield from absent(f"{path}[]", ours["items"], theirs.get("items", {}))
    for name, part in ours.get("properties", {}).items():
        if name not in theirs.get("properties", {}):
            yield f"{path}.{name}"
        else:
            yield from absent(f"{path}.{name}", part, _part(theirs, name))


def _part(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = node.get("properties", {}).get(name, {})
    return found


async def permissions(client: Client, setup: Setup) -> AsyncIterator[Finding]:
    """Yield, for each resource in each place, what we may do and what we may not."""
    wanted = tuple(asks(setup))
    answers = await asyncio.gather(*(is_allowed(client, ask) for _, ask in wanted))
    by_target: dict[str, list[tuple[Row, Ask, bool]]] = {}
    for (row, ask), is_ok in zip(wanted, answers, strict=True):
        by_target.setdefault(ask.target, []).append((row, ask, is_ok))
    for target, answered in by_target.items():
        if may := [ask.verb for _, ask, is_ok in answered if is_ok]:
            yield Finding(level=Level.PASS, text=f"{target}: {', '.join(may)}")
        for finding in _missing(target, answered):
            yield finding


def _missing(target: str, answered: Iterable[tuple[Row, Ask, bool]]) -> Iterator[Finding]:
    """Yield what we may not do, by what is lost."""
    lost: dict[Row, list[str]] = {}
    for row, ask, is_ok in answered:
        if not is_ok:
            lost.setdefault(row, []).append(ask.verb)
    for row, verbs in lost.items():
        level = Level.FAIL if row.needed else Level.WARN
        yield Finding(level=level, text=f"{target}: may not {', '.join(verbs)}: {row.without}")


async def resources(client: Client, *, namespace: str) -> AsyncIterator[Finding]:
    """Yield whether the API server would take the smallest resource of each kind."""
    for kind in Kind:
        yield await _tried(client, kind, namespace=namespace)


async def _tried(client: Client, kind: Kind, *, namespace: str) -> Finding:
    body = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": str(kind),
        "metadata": {"generateName": "cosmos3-check-"},
        "spec": {"model": MODEL},
    }
    where = f"namespace {namespace}"
    try:
        await client.create(RESOURCES[kind], namespace=namespace, body=encode(body), dry_run=True)
    except Forbidden as error:
        text = f"a {kind} in {where} cannot be tried: {error}"
    except Refused as error:
        text = f"a {kind} with nothing but a model is refused in {where}: {error}"
    else:
        return Finding(level=Level.PASS, text=f"a {kind} is accepted in {where} (dry run)")
    return Finding(level=Level.FAIL, text=text)
