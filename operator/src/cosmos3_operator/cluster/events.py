"""Kubernetes Events as data: one that says something new, and the patch of one that happens again.

In: the object that an event is about, words and moments. Out: bodies for `events.k8s.io/v1`. Pure
but for `Events`, which sends them. The API server fills in nothing and refuses what is too long, so
that lengths are kept here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.requests import encode
from cosmos3_operator.cluster.types import ResourceType

EVENTS = ResourceType(group="events.k8s.io", version="v1", kind="Event", plural="events")
NOTE_BYTES = 1024
"""The limits of the API server's validation, for events.k8s.io/v1."""
INSTANCE_BYTES = 128
NAME_BYTES = 253
CUT = "…"

Type = Literal["Normal", "Warning"]


@dataclass(frozen=True, kw_only=True)
class Reporter:
    """Who writes events."""

    controller: str
    instance: str
    """The pod, or the host where there is none."""


@dataclass(frozen=True, kw_only=True)
class News:
    """What an event says about one object."""

    type: Type
    reason: str
    note: str
    action: str


@dataclass(frozen=True, kw_only=True)
class Regarding:
    """The object that an event is about, as it was when that happened."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    resource_version: str

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Regarding:
        """Take it from an object as the API server wrote it."""
        metadata = body["metadata"]
        return cls(
            api_version=body["apiVersion"],
            kind=body["kind"],
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            resource_version=str(metadata.get("resourceVersion") or ""),
        )


@dataclass(frozen=True, slots=True)
class Written:
    """An event that is in the cluster."""

    namespace: str
    name: str


def event(news: News, regarding: Regarding, *, reporter: Reporter, now: datetime) -> dict[str, Any]:
    """Return a new event. Its age is `eventTime`: the deprecated times may not be set here."""
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"namespace": regarding.namespace, "name": name_of(regarding, now)},
        "eventTime": micro_time(now),
        "type": news.type,
        "reason": news.reason,
        "note": fitting(news.note, NOTE_BYTES),
        "action": news.action,
        "reportingController": reporter.controller,
        "reportingInstance": fitting(reporter.instance, INSTANCE_BYTES, cut=""),
        "regarding": {
            "apiVersion": regarding.api_version,
            "kind": regarding.kind,
            "namespace": regarding.namespace,
            "name": regarding.name,
            "uid": regarding.uid,
            "resourceVersion": regarding.resource_version,
        },
    }


def series(count: int, now: datetime) -> dict[str, Any]:
    """Return what changes in an event that has happened again."""
    return {"series": {"count": count, "lastObservedTime": micro_time(now)}}


def name_of(regarding: Regarding, now: datetime) -> str:
    """Name an event as client-go does: the object's name and the moment, in hexadecimal."""
    moment = f".{round(now.timestamp() * 1_000_000) * 1000:x}"
    stem = fitting(regarding.name, NAME_BYTES - len(moment), cut="").rstrip("-.")
    return stem + moment


def micro_time(moment: datetime) -> str:
    """Write a moment as the type MicroTime wants it: six digits and a Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def fitting(text: str, limit: int, *, cut: str = CUT) -> str:
    """Cut a text to a number of bytes, never within a character."""
    data = text.encode()
    if len(data) <= limit:
        return text
    return data[: limit - len(cut.encode())].decode("utf-8", "ignore").rstrip() + cut


class Sink(Protocol):
    """Where events go."""

    async def create(self, body: Mapping[str, Any]) -> Written:
        """Write a new event."""

    async def repeat(self, written: Written, *, count: int, now: datetime) -> None:
        """Say that it has happened again."""


class Events:
    """The cluster as a sink."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def create(self, body: Mapping[str, Any]) -> Written:
        """Write a new event."""
        metadata = body["metadata"]
        await self._client.create(EVENTS, namespace=metadata["namespace"], body=encode(body))
        return Written(metadata["namespace"], metadata["name"])

    async def repeat(self, written: Written, *, count: int, now: datetime) -> None:
        """Say that it has happened again."""
        await self._client.merge(
            EVENTS,
            namespace=written.namespace,
            name=written.name,
            body=encode(series(count, now)),
        )
