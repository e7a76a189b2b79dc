"""Asks the API server what we may do, without doing it: SelfSubjectAccessReview.

In: a resource, verbs and a place. Out: the verbs that are not permitted. Every account may ask this
about itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.requests import encode
from cosmos3_operator.cluster.types import ResourceType

REVIEWS = ResourceType(
    group="authorization.k8s.io",
    version="v1",
    kind="SelfSubjectAccessReview",
    plural="selfsubjectaccessreviews",
    namespaced=False,
)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A question: may we do all of this."""

    group: str
    resource: str
    """With its subresource, if any: pods/log."""
    verbs: tuple[str, ...]
    namespace: str = ""
    """"" is all of them, or that there are none."""
    name: str = ""
    """"" is every object."""

    def __str__(self) -> str:
        """Return what is asked for as people write it."""
        plural, slash, subresource = self.resource.partition("/")
        resource = (f"{plural}.{self.group}" if self.group else plural) + slash + subresource
        named = f" {self.name}" if self.name else ""
        where = f"namespace {self.namespace}" if self.namespace else "the whole cluster"
        return f"{resource}{named} in {where}"


async def denied(client: Client, ask: Ask) -> tuple[str, ...]:
    """Return the verbs that we may not use."""
    allowed = await asyncio.gather(*(_is_allowed(client, ask, verb) for verb in ask.verbs))
    return tuple(verb for verb, yes in zip(ask.verbs, allowed, strict=True) if not yes)


async def _is_allowed(client: Client, ask: Ask, verb: str) -> bool:
    answer = await client.create(REVIEWS, namespace=None, body=encode(_review(ask, verb)))
    return bool(answer["status"]["allowed"])


def _review(ask: Ask, verb: str) -> dict[str, Any]:
    resource, _, subresource = ask.resource.partition("/")
    attributes = {
        "group": ask.group,
        "resource": resource,
        "subresource": subresource,
        "verb": verb,
        "namespace": ask.namespace,
        "name": ask.name,
    }
    return {
        "apiVersion": REVIEWS.api_version,
        "kind": REVIEWS.kind,
        "spec": {"resourceAttributes": attributes},
    }
