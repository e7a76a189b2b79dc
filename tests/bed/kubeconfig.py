"""Writes kubeconfig files: one user, one cluster, certificates inlined.

Inlined, so that the file can be copied elsewhere and still works; JSON, which is YAML too.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from bed.certs import KeyPair


def write(path: Path, *, server: str, ca: Path, user: str, pair: KeyPair) -> Path:
    """Write a kubeconfig that only its owner may read."""
    name = "cosmos3-bed"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {"server": server, "certificate-authority-data": _inline(ca)},
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _inline(pair.cert),
                    "client-key-data": _inline(pair.key),
                },
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
        "current-context": name,
    }
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    return path


def _inline(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
