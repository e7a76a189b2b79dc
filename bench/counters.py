"""The API server's own count of requests.

In: its /metrics page. Out: writes by verb and resource. Pure. Counted at the API server, so that
neither the operator nor the bare client is asked about itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

METRIC = "apiserver_request_total"
WRITING = frozenset({"APPLY", "PATCH", "POST", "PUT", "DELETE", "DELETECOLLECTION"})

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Writes = Counter[tuple[str, str, str]]
"""How often: verb, resource with its subresource, HTTP code."""


def parse_writes(page: str, *, resources: Iterable[str]) -> Writes:
    """Count the writes to some resources; the API server's own housekeeping is others'."""
    wanted = frozenset(resources)
    counts: Writes = Counter()
    for line in page.splitlines():
        if not line.startswith(METRIC + "{"):
            continue
        head, _, value = line.rpartition("} ")
        labels = dict(_LABEL.findall(head))
        if labels.get("verb") not in WRITING or labels.get("resource") not in wanted:
            continue
        resource, subresource = labels["resource"], labels.get("subresource")
        name = f"{resource}/{subresource}" if subresource else resource
        counts[labels["verb"], name, labels.get("code", "")] += int(float(value.split()[0]))
    return counts


def difference(after: Writes, before: Writes) -> Writes:
    """Return what was added between two readings."""
    return Counter(
        {key: count - before[key] for key, count in after.items() if count > before[key]}
    )


def by_verb_and_resource(writes: Writes) -> Counter[tuple[str, str]]:
    """Add up all codes."""
    counts: Counter[tuple[str, str]] = Counter()
    for (verb, resource, _), count in writes.items():
        counts[verb, resource] += count
    return counts


def refused(writes: Writes) -> int:
    """Count the writes that were not carried out."""
    return sum(count for (_, _, code), count in writes.items() if not code.startswith("2"))
