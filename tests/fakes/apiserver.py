"""An API server in this process: enough HTTP for our client and for kopf.

Discovery, lists, watches, server-side apply, deletes, and errors on demand. Every request is
noted, so that a test can say what it expects to be asked, and what never.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import web

from cosmos3_operator.cluster.events import EVENTS as NEW_EVENTS
from cosmos3_operator.cluster.lease import LEASES
from cosmos3_operator.cluster.types import ResourceType
from cosmos3_operator.reconcile.kinds import CHILDREN, EVENTS, NODES, PODS, RESOURCES
from fakes.objects import Objects, Place, Refusal, encode, matches, matches_fields

CRDS = ResourceType(
    group="apiextensions.k8s.io",
    version="v1",
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    namespaced=False,
)
NAMESPACES = ResourceType(
    group="", version="v1", kind="Namespace", plural="namespaces", namespaced=False
)
SERVED = (
    *(*RESOURCES.values(), *CHILDREN.values(), PODS, NODES),
    *(EVENTS, NEW_EVENTS, CRDS, NAMESPACES, LEASES),
)


class Asked(NamedTuple):
    """One request, as it came in."""

    method: str
    path: str
    query: dict[str, str]
    body: Any


@dataclass
class Rule:
    """Answer some requests with an error."""

    when: Callable[[Asked], bool]
    code: int
    reason: str = "Injected"
    message: str = "injected"
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1_000_000


class FakeApiServer:
    """Serves `Objects` over HTTP on a loopback port."""

    def __init__(self) -> None:
        self.objects = Objects()
        self.asked: list[Asked] = []
        self.rules: list[Rule] = []
        self.hidden: set[str] = set()
        """Plurals that discovery does not show: their CRDs are not installed."""
        self.holds: list[tuple[Callable[[Asked], bool], asyncio.Event]] = []
        self.logs: dict[tuple[str, str], str] = {}
        """What a container printed, by pod and container; its runs before, with `-p` after that."""
        self.authorization: list[str | None] = []
        self.url = ""
        self._changed = asyncio.Event()
        self._epoch = 0
        self._oldest = 0
        self.objects.listeners.append(self._wake)

    # What tests say.

    def fail(self, when: Callable[[Asked], bool], code: int, **more: Any) -> Rule:
        rule = Rule(when=when, code=code, **more)
        self.rules.append(rule)
        return rule

    def hold(self, when: Callable[[Asked], bool]) -> asyncio.Event:
        """Let matching requests wait until the event is set."""
        gate = asyncio.Event()
        self.holds.append((when, gate))
        return gate

    def writes(self) -> list[Asked]:
        return [one for one in self.asked if one.method not in ("GET", "HEAD")]

    def drop_watches(self) -> None:
        """End every stream, as a restarting server does."""
        self._epoch += 1
        self._wake()

    def compact(self) -> None:
        """Forget the history: a watch from before is answered with 410 Gone."""
        self._oldest = self.objects.version

    def place(self, kind: str, namespace: str, name: str) -> Place:
        resource = next(one for one in SERVED if one.kind == kind)
        return Place(resource.group, resource.plural, namespace, name)

    def live(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        place = self.place(kind, namespace, name)
        return self.objects.get(place) if place in self.objects.stored else None

    # Serving.

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeApiServer]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self.drop_watches()
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        asked = Asked(
            request.method, request.path, dict(request.query), json.loads(raw) if raw else None
        )
        self.asked.append(asked)
        self.authorization.append(request.headers.get("Authorization"))
        for when, gate in self.holds:
            if when(asked):
                await gate.wait()
        for rule in self.rules:
            if rule.times > 0 and rule.when(asked):
                rule.times -= 1
                refusal = Refusal(rule.code, rule.reason, rule.message)
                return _respond(refusal.status, rule.code, headers=rule.headers)
        try:
            return await self._answer(request, asked)
        except Refusal as refusal:
            return _respond(refusal.status, refusal.code)

    async def _answer(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        parts = [part for part in asked.path.split("/") if part]
        if len(parts) <= (2 if parts[0] == "api" else 3):
            return _respond(self._discover(parts))
        group = "" if parts[0] == "api" else parts[1]
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = None
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        resource = next(
            (one for one in SERVED if (one.group, one.plural) == (group, rest[0])), None
        )
        if resource is None or resource.plural in self.hidden:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        if asked.method == "POST":
            place = Place(group, rest[0], namespace or "", asked.body["metadata"]["name"])
            return _respond(self.objects.create(place, asked.body), 201)
        if len(rest) == 1:
            return await self._collection(request, asked, resource, namespace)
        place = Place(group, rest[0], namespace or "", rest[1])
        return self._object(asked, place, sub=rest[2] if len(rest) > 2 else "")

    def _object(self, asked: Asked, place: Place, *, sub: str) -> web.Response:
        if sub == "log":
            return web.Response(text=self._log(asked, place))
        if asked.method == "GET":
            return _respond(self.objects.get(place))
        if asked.method == "DELETE":
            uid = ((asked.body or {}).get("preconditions") or {}).get("uid")
            return _respond(self.objects.delete(place, uid=uid))
        if "fieldManager" not in asked.query:
            self.objects.get(place)
            return _respond(self.objects.change(place, lambda body: body.update(asked.body)))
        code, live = self.objects.apply(
            place,
            asked.body,
            manager=asked.query["fieldManager"],
            force=asked.query.get("force") == "true",
            sub=sub,
        )
        return _respond(live, code)

    def _log(self, asked: Asked, place: Place) -> str:
        """Answer as a kubelet does: the last lines, and of these the first bytes."""
        self.objects.get(place)
        container, suffix = asked.query["container"], "-p" if "previous" in asked.query else ""
        text = self.logs.get((place.name, container + suffix))
        if text is None:
            words = f'previous terminated container "{container}" in pod "{place.name}" not found'
            raise Refusal(400, "BadRequest", words)
        lines = text.splitlines(keepends=True)[-int(asked.query["tailLines"]) :]
        return "".join(lines)[: int(asked.query["limitBytes"])]

    async def _collection(
        self, request: web.Request, asked: Asked, resource: ResourceType, namespace: str | None
    ) -> web.StreamResponse:
        selector = asked.query.get("labelSelector", "")
        if asked.query.get("watch") == "true":
            return await self._watch(request, resource, namespace, selector)
        items = [
            body
            for body in self.objects.in_collection(resource.group, resource.plural, namespace)
            if matches(body, selector)
            and matches_fields(body, asked.query.get("fieldSelector", ""))
        ]
        start = int(asked.query.get("continue") or 0)
        end = start + int(asked.query.get("limit") or len(items) + 1)
        metadata = {"resourceVersion": str(self.objects.version)}
        if end < len(items):
            metadata["continue"] = str(end)
        return _respond(
            {
                "apiVersion": resource.api_version,
                "kind": f"{resource.kind}List",
                "metadata": metadata,
                "items": items[start:end],
            }
        )

    async def _watch(
        self, request: web.Request, resource: ResourceType, namespace: str | None, selector: str
    ) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        since = int(request.query.get("resourceVersion") or 0)
        await stream.prepare(request)
        if since < self._oldest:
            gone = Refusal(410, "Expired", "too old resource version").status
            await stream.write(encode({"type": "ERROR", "object": gone}) + b"\n")
            return stream
        epoch, sent = self._epoch, 0
        matched: set[str] = set()
        while epoch == self._epoch:
            changed = self._changed
            for version, event, place, body in self.objects.history[sent:]:
                mine = (place.group, place.plural) == (resource.group, resource.plural)
                if mine and namespace in (None, place.namespace):
                    shown = _select(event, body, selector, matched)
                    if shown and version > since:
                        await stream.write(encode({"type": shown, "object": body}) + b"\n")
            sent = len(self.objects.history)
            if changed is self._changed:
                await changed.wait()
        return stream

    def _discover(self, parts: list[str]) -> dict[str, Any]:
        if parts == ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        if parts == ["apis"]:
            return {"kind": "APIGroupList", "groups": self._groups()}
        group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
        shown = [
            one
            for one in SERVED
            if (one.group, one.version) == (group, version) and one.plural not in self.hidden
        ]
        if not shown:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        return {"kind": "APIResourceList", "resources": [_described(one) for one in shown]}

    def _groups(self) -> list[dict[str, Any]]:
        found = {
            one.group: one.version for one in SERVED if one.group and one.plural not in self.hidden
        }
        return [
            {
                "name": group,
                "versions": [{"groupVersion": f"{group}/{version}", "version": version}],
                "preferredVersion": {"groupVersion": f"{group}/{version}", "version": version},
            }
            for group, version in found.items()
        ]

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _select(event: str, body: dict[str, Any], selector: str, matched: set[str]) -> str | None:
    """Tell a watcher with a selector: an object that stops to match is gone for it."""
    uid = body["metadata"]["uid"]
    if matches(body, selector):
        matched.add(uid)
        return event
    if uid in matched:
        matched.discard(uid)
        return "DELETED"
    return None


def _described(resource: ResourceType) -> dict[str, Any]:
    return {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "kind": resource.kind,
        "namespaced": resource.namespaced,
        "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
    }


def _respond(body: Any, code: int = 200, *, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=encode(body), status=code, headers=headers, content_type="application/json"
    )
