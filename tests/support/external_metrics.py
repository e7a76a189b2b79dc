"""An external metrics API of one number, as an adapter (KEDA's or Prometheus') would serve it.

In: the number. Out: a server on loopback that the API server's aggregation layer forwards
`external.metrics.k8s.io` to, which is where a HorizontalPodAutoscaler asks.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bed.certs import Authority
from support.api import Api
from support.waiting import eventually

GROUP_VERSION = "external.metrics.k8s.io/v1beta1"
_API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
_NAME = "v1beta1.external.metrics.k8s.io"
_SERVICE = {"name": "external-metrics", "namespace": "default"}
_SERVICES = "/api/v1/namespaces/default/services"


class ExternalMetrics:
    """Answers every question for a metric with the same number, until it is set anew."""

    def __init__(self, folder: Path) -> None:
        self.value = 0
        authority = Authority(folder / "metrics-pki")
        # The aggregation layer takes the Service's name for the server's, wherever that runs.
        pair = authority.serving("metrics", [f"{_SERVICE['name']}.{_SERVICE['namespace']}.svc"])
        self._ca = authority.cert
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.cert, pair.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def register(self, api: Api) -> None:
        """Tell the API server, and wait until it forwards."""
        spec = {
            "group": "external.metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": base64.b64encode(self._ca.read_bytes()).decode(),
            "service": {**_SERVICE, "port": self._server.server_port},
        }
        service = {"type": "ExternalName", "externalName": "localhost"}
        api.post(_SERVICES, {"metadata": {"name": _SERVICE["name"]}, "spec": service})
        api.post(_API_SERVICES, {"metadata": {"name": _NAME}, "spec": spec})
        eventually(
            lambda: api.get(f"{_API_SERVICES}/{_NAME}"),
            lambda found: found and '"Available", "status": "True"' in _conditions(found),
            what="the external metrics API",
        )

    def close(self, api: Api) -> None:
        """Take it back."""
        api.delete(f"{_API_SERVICES}/{_NAME}")
        api.delete(f"{_SERVICES}/{_SERVICE['name']}")
        self._server.shutdown()
        self._server.server_close()


def _conditions(found: dict[str, Any]) -> str:
    conditions = found.get("status", {}).get("conditions", [])
    return json.dumps([{"type": one["type"], "status": one["status"]} for one in conditions])


def _handler(metrics: ExternalMetrics) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0].rstrip("/")
            if path == f"/apis/{GROUP_VERSION}":
                self._answer({"kind": "APIResourceList", "apiVersion": "v1"} | _RESOURCES)
            elif "/namespaces/" in path:
                self._answer(_values(path.rpartition("/")[2], metrics.value))
            else:
                self.send_error(404)

        def log_message(self, *_: Any) -> None:
            """Say nothing: the API server asks all the time."""

        def _answer(self, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


_RESOURCES: dict[str, Any] = {
    "groupVersion": GROUP_VERSION,
    "resources": [
        {
            "name": "externalmetrics",
            "singularName": "",
            "namespaced": True,
            "kind": "ExternalMetricValueList",
            "verbs": ["get"],
        }
    ],
}


def _values(name: str, value: int) -> dict[str, Any]:
    item = {
        "metricName": name,
        "metricLabels": {},
        "timestamp": "2026-01-01T00:00:00Z",
        "value": str(value),
    }
    return {
        "kind": "ExternalMetricValueList",
        "apiVersion": GROUP_VERSION,
        "metadata": {},
        "items": [item],
    }
