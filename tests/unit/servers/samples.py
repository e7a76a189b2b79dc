"""Resources, rendered, and the figures of a server that is not started."""

from __future__ import annotations

from typing import Any

from servers.rendered import Rendered, Secrets, render_resource
from servers.substitutions import Figures, Words, substitute

NANO, SUPER = "nvidia/Cosmos3-Nano", "nvidia/Cosmos3-Super"
FOLDERS = {"/cache": "/run/cache", "/storage": "/run/storage", "/etc/cosmos3": "/run/config"}
FIGURES = Figures(port=12345, kv_cache_bytes=777, folders=FOLDERS)


def rendered(kind: str, secrets: Secrets | None = None, /, **spec: Any) -> Rendered:
    body = {
        "apiVersion": "serving.cosmos3.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": "case"},
        "spec": {"model": NANO, **spec},
    }
    return render_resource(body, secrets=secrets)


def reasoner(secrets: Secrets | None = None, /, **spec: Any) -> Rendered:
    return rendered("CosmosReasoner", secrets, **{"runtime": {"version": "0.32.0"}, **spec})


def generator(secrets: Secrets | None = None, /, **spec: Any) -> Rendered:
    return rendered("CosmosGenerator", secrets, **{"runtime": {"version": "0.30.0"}, **spec})


def words(made: Rendered) -> Words:
    return substitute(made, FIGURES)
