"""Asks the API server what we may do, without doing it: SelfSubjectAccessReview.

In: a verb, a resource and a place. Out: whether it is permitted. Every account may ask this about
itself.
"""

from __future__ import annotations

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
    """A question: may we do this."""

    group: str
    resource: str
    """With its subresource, if any: pods/log."""
    verb: str
    namespace: str = ""
    """"" is all of them, or that there are none."""
    name: str = ""
    """"" is every object."""

    @property
    def target(self) -> str:
        """What the verb is for, as people write it."""
        plural, slash, subresource = self.resource.partition("/")
        resource = (f"{plural}.{self.group}" if self.group else plural) + slash + subresource
        named = f" {self.name}" if self.name else ""
        where = f"namespace {self.namespace}" if self.namespace else "the whole cluster"
        return f"{resource}{named} in {where}"


async def is_allowed(client: Client, ask: Ask) -> bool:
    """Ask whether we may."""
    answer = await client.create(REVIEWS, namespace=None, body=encode(_review(ask)))
    return bool(answer["status"]["allowed"])


def _review(ask: Ask) -> dict[str, Any]:
    resource, _, subresource = ask.resource.partition("/")
    attributes = {
        "group": ask.group,
        "resource": resource,
        "subresource": subresource,
        "verb": ask.verb,
        "namespace": ask.namespace,
        "name": ask.name,
    }
    return {
        "apiVersion": REVIEWS.api_version,
        "kind": REVIEWS.kind,
        "spec": {"resourceAttributes": attributes},
    }
