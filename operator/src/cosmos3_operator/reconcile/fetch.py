"""One read of evidence: bounded in time and size, and cleared of credentials before it is kept.

In: a `Subject`, which is a question with the object that it is about. Out: a log's lines, events
or free GPUs; or an error that says whether it is worth asking again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cosmos3_operator.cluster import requests
from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import ClusterError
from cosmos3_operator.reconcile.gather import FactsCache
from cosmos3_operator.reconcile.inventory import NOT_ENDED, asked_of_node, free
from cosmos3_operator.reconcile.kinds import EVENTS, PODS, Key
from cosmos3_operator.reconcile.runs import identify, lines_of, node_of
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.status.evidence import Ask, EventsAsk, InventoryAsk, LogAsk, NodeGpus
from cosmos3_operator.status.observe import ChildRef

READ_BYTES = 1024 * 1024
"""A read that is longer is tried again with a tenth of the lines, since its end was cut off."""
KEPT_BYTES = 128 * 1024
LINES = 2000
"""vLLM prints why its engine failed some hundred lines before its end."""
LIVE_LINES = 200
LARGEST_EVENTS = 50
LONGEST_MESSAGE = 1024

Event = Mapping[str, Any]
Answer = str | tuple[Event, ...] | tuple[NodeGpus, ...]


EVERYBODY = Key("", "", "")


class Missing(ClusterError):  # noqa: N818 - it says what is the matter
    """There is nothing to read: no log that is certain to be of that run, no node to count on."""


class Subject(NamedTuple):
    """A question, and what it is about: a name alone may mean another object by now."""

    key: Key
    """The resource that asks, or EVERYBODY if the answer is the same for all."""
    ask: Ask
    """Of a log that ended, without whether it is called previous, which changes."""
    identity: str = ""
    """Of a log, the pod and the run; of events, the uid of the object if it is known."""
    node: str = ""
    """Whose kubelet answers."""


class Fetcher:
    """Reads whatever a subject asks for."""

    def __init__(
        self, *, client: Client, store: Store, facts: FactsCache, redact: Callable[[str], str]
    ) -> None:
        self._client = client
        self._store = store
        self._facts = facts
        self._redact = redact

    def subject(self, key: Key, ask: Ask) -> Subject | None:
        """Say what a question is about, None if there is nothing to read."""
        if isinstance(ask, InventoryAsk):
            return Subject(EVERYBODY, ask)
        if isinstance(ask, EventsAsk):
            return Subject(key, ask, self._uid(key, ask))
        pod = self._pod(key, ask.pod)
        identity = _log_identity(pod, ask)
        same = ask._replace(is_previous=False)
        return Subject(key, same, identity, node_of(pod)) if identity else None

    def is_hopeless(self, subject: Subject) -> bool:
        """Tell whether nobody is there to answer; its return will show by events of its pods."""
        return subject.node in self._facts.lost_nodes

    async def fetch(self, subject: Subject, ask: Ask) -> Answer:
        """Read the answer, or raise."""
        if isinstance(ask, LogAsk):
            return await self._log(subject, ask)
        if isinstance(ask, EventsAsk):
            return await self._events(subject, ask)
        return await self._inventory(ask.resource_name)

    async def _log(self, subject: Subject, ask: LogAsk) -> str:
        before = self._pod(subject.key, ask.pod)
        text = await self._tail(subject.key.namespace, ask)
        lines = lines_of(text, pod=before, ask=ask)
        if lines is None or self.subject(subject.key, ask) != subject:
            raise Missing(f"no log of run {ask.run} of container {ask.container} in {ask.pod}")
        return self._redact(lines)

    async def _tail(self, namespace: str, ask: LogAsk) -> str:
        lines = LIVE_LINES if ask.is_live else LINES
        while True:
            request = requests.read_log(
                PODS,
                namespace=namespace,
                name=ask.pod,
                container=ask.container,
                is_previous=ask.is_previous,
                lines=lines,
                limit=READ_BYTES,
            )
            last, total = await self._client.read_log(request, keep=KEPT_BYTES)
            if total < READ_BYTES or lines < 10:
                break
            lines //= 10
        # What begins in the middle of a line may begin in the middle of a token.
        whole = last if total == len(last) else last.partition(b"\n")[2]
        return whole.decode("utf-8", "replace")

    async def _events(self, subject: Subject, ask: EventsAsk) -> tuple[Event, ...]:
        fields = f"involvedObject.kind={ask.kind},involvedObject.name={ask.name}"
        if subject.identity:
            fields += f",involvedObject.uid={subject.identity}"
        request = requests.list_page(EVENTS, namespace=subject.key.namespace, fields=fields)
        page = await self._client.send(request)
        newest = sorted(page.get("items") or (), key=_last_told)[-LARGEST_EVENTS:]
        return tuple(map(self._event, newest))

    def _event(self, item: Mapping[str, Any]) -> Event:
        return {
            "type": item.get("type"),
            "reason": item.get("reason"),
            "message": self._redact(str(item.get("message") or "")[:LONGEST_MESSAGE]),
            "count": (item.get("series") or {}).get("count") or item.get("count") or 1,
            "lastTimestamp": _last_time(item),
        }

    async def _inventory(self, resource: str) -> tuple[NodeGpus, ...]:
        # In pages, and so not from the watch cache: with resourceVersion=0 the API server ignores
        # the limit, and all pods of a large cluster in one answer are hundreds of megabytes.
        await self._facts.get()
        nodes = self._facts.gpu_nodes
        if nodes is None:
            raise Missing("nodes are not known")
        taken: Counter[str] = Counter()
        async for pod in self._client.list(PODS, fields=NOT_ENDED):
            node, number = asked_of_node(pod, resource)
            if node and number:
                taken[node] += number
        return free(nodes, taken, resource)

    def _pod(self, key: Key, name: str) -> Mapping[str, Any]:
        return next((pod for pod in self._store.pods(key) if pod["metadata"]["name"] == name), {})

    def _uid(self, key: Key, ask: EventsAsk) -> str:
        known = (
            self._pod(key, ask.name)
            if ask.kind == "Pod"
            else self._store.child(key, ChildRef(ask.kind, ask.name)) or {}
        )
        return str((known.get("metadata") or {}).get("uid") or "")


def _last_time(item: Mapping[str, Any]) -> Any:
    """Return when an event was last seen: where that is written depends on who wrote it."""
    return (
        (item.get("series") or {}).get("lastObservedTime")
        or item.get("lastTimestamp")
        or item.get("eventTime")
        or item["metadata"].get("creationTimestamp")
    )


def _last_told(item: Mapping[str, Any]) -> tuple[str, int]:
    """Order by seconds, which is all that kubelets tell, and within one by who was written last."""
    version = str(item["metadata"].get("resourceVersion"))
    return str(_last_time(item))[:19], int(version) if version.isdecimal() else 0


def _log_identity(pod: Mapping[str, Any], ask: LogAsk) -> str:
    run = identify(pod, ask)
    return f"{pod['metadata'].get('uid')}/{run}" if run else ""
