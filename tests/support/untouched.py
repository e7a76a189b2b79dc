"""What an upgrade of the operator must leave alone, as data to be compared.

In: a namespace of models. Out: of each resource its identity, spec and who manages it; of each
child its identity and spec; of each pod its identity and restarts. What says how things stand
(status) is left out, and so are the Jobs that ask the hub, which end by themselves.
"""

from __future__ import annotations

from typing import Any

from support.api import GROUP, Api
from support.resources import PLURALS

Picture = dict[str, dict[str, Any]]


def picture(api: Api, namespace: str) -> Picture:
    """Return all that must stay as it is."""
    resources = {
        f"{kind}/{item['metadata']['name']}": _resource(item)
        for kind, plural in PLURALS.items()
        for item in _items(api, f"{GROUP}/namespaces/{namespace}/{plural}")
    }
    children = {
        f"{child['kind']}/{child['metadata']['name']}": _child(child)
        for child in api.children(namespace)
        if child["kind"] != "Job"
    }
    return resources | children | pods(api, namespace)


def pods(api: Api, namespace: str) -> Picture:
    """Return the pods of servers, by which a restart would show."""
    return {
        f"Pod/{pod['metadata']['name']}": {
            "uid": pod["metadata"]["uid"],
            "restarts": [one["restartCount"] for one in pod["status"]["containerStatuses"]],
        }
        for pod in _items(api, f"/api/v1/namespaces/{namespace}/pods")
        if "job-name" not in pod["metadata"]["labels"]
    }


def _resource(item: dict[str, Any]) -> dict[str, Any]:
    metadata = item["metadata"]
    managers = [one for one in metadata["managedFields"] if one.get("subresource") != "status"]
    return {
        **{name: metadata[name] for name in ("uid", "generation")},
        **{name: metadata.get(name) for name in ("labels", "annotations", "finalizers")},
        "managers": managers,
        "spec": item["spec"],
    }


def _child(item: dict[str, Any]) -> dict[str, Any]:
    metadata = item["metadata"]
    return {
        "uid": metadata["uid"],
        "generation": metadata.get("generation"),
        "owners": metadata.get("ownerReferences"),
        "content": {name: item.get(name) for name in ("spec", "data")},
    }


def _items(api: Api, path: str) -> list[dict[str, Any]]:
    listed = api.get(path)
    return list(listed["items"]) if listed else []
