"""An independent observer of the cluster: the official client, never the operator's own code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubernetes import config
from kubernetes.client.exceptions import ApiException

from support.resources import PLURALS

GROUP = "/apis/serving.cosmos3.io/v1alpha1"
CHILD_PATHS = {
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "Service": "/api/v1/namespaces/{}/services",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
}
NOT_LOOKED_AT = {"observedGeneration": -1}
"""The status of a resource that no operator has written to: the CRD's default."""
MANAGED = "app.kubernetes.io/managed-by=cosmos3-operator"


class Api:
    """Raw requests with plain data in and out."""

    def __init__(self, kubeconfig: Path) -> None:
        self._client = config.new_client_from_config(str(kubeconfig))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, **query: str) -> dict[str, Any] | None:
        """Return an object or a list; None if there is no such object."""
        try:
            return self._call("GET", path, query=query)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create one of our resources."""
        return self.post(self.collection(body), body)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create any object in a collection."""
        return self._call("POST", path, body=body)

    def merge(self, path: str, patch: dict[str, Any]) -> dict[str, Any]:
        """Change an object as a person would: a merge patch."""
        return self._call("PATCH", path, body=patch, content="application/merge-patch+json")

    def json_patch(self, path: str, patch: list[dict[str, Any]]) -> dict[str, Any]:
        """Change an object by JSON patch."""
        return self._call("PATCH", path, body=patch, content="application/json-patch+json")

    def delete(self, path: str) -> None:
        """Delete an object; fine if it is gone already."""
        try:
            self._call("DELETE", path)
        except ApiException as error:
            if error.status != 404:
                raise

    def namespace(self, name: str) -> str:
        """Create a namespace."""
        self._call("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
        return name

    def collection(self, body: dict[str, Any]) -> str:
        """Path of the collection that a resource of ours lives in."""
        namespace = body["metadata"]["namespace"]
        return f"{GROUP}/namespaces/{namespace}/{PLURALS[body['kind']]}"

    def path(self, body: dict[str, Any]) -> str:
        """Path of a resource of ours."""
        return f"{self.collection(body)}/{body['metadata']['name']}"

    def pods(self, namespace: str, **query: str) -> list[dict[str, Any]]:
        """The pods of a namespace."""
        listed = self.get(f"/api/v1/namespaces/{namespace}/pods", **query)
        assert listed is not None
        return list(listed["items"])

    def children(self, namespace: str, instance: str | None = None) -> list[dict[str, Any]]:
        """Every child of a namespace, or of one resource in it, with its kind filled in."""
        selector = MANAGED + (f",app.kubernetes.io/instance={instance}" if instance else "")
        found = []
        for kind, path in CHILD_PATHS.items():
            listed = self.get(path.format(namespace), labelSelector=selector)
            assert listed is not None
            found += [{"kind": kind, **item} for item in listed["items"]]
        return found

    def _call(
        self,
        verb: str,
        path: str,
        *,
        body: Any = None,
        query: dict[str, str] | None = None,
        content: str = "application/json",
    ) -> dict[str, Any]:
        data = self._client.call_api(
            *self._client.param_serialize(
                verb,
                path,
                query_params=list((query or {}).items()),
                header_params={"Accept": "application/json", "Content-Type": content},
                body=body,
                auth_settings=["BearerToken"],
            )
        )
        text = data.read()
        if not 200 <= data.status < 300:
            raise ApiException(status=data.status, reason=data.reason, body=text.decode())
        found: dict[str, Any] = json.loads(text)
        return found


def ready(resource: dict[str, Any]) -> dict[str, Any]:
    """The Ready condition, {} before there is one."""
    return condition(resource, "Ready")


def condition(resource: dict[str, Any], type_: str) -> dict[str, Any]:
    """One condition, {} if absent."""
    conditions = resource.get("status", {}).get("conditions", [])
    return next((item for item in conditions if item["type"] == type_), {})


__all__ = ["NOT_LOOKED_AT", "Api", "condition", "ready"]
