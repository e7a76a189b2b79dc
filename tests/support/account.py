"""A service account's own way to the API server, as its pods have it: a token and nothing else."""

from __future__ import annotations

from pathlib import Path

import yaml

from support.api import Api

LONGEST_SUITE_S = 6 * 3600


def account_kubeconfig(
    api: Api, *, admin: Path, namespace: str, account: str, folder: Path
) -> Path:
    """Ask for a token of the account, and write a kubeconfig that has nothing but it."""
    answer = api.post(
        f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token",
        {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": LONGEST_SUITE_S},
        },
    )
    token = folder / f"{namespace}-{account}.token"
    token.touch(mode=0o600)
    token.write_text(answer["status"]["token"], "utf-8")
    config = yaml.safe_load(admin.read_text("utf-8"))
    current = next(
        entry["context"]
        for entry in config["contexts"]
        if entry["name"] == config["current-context"]
    )
    context = {"cluster": current["cluster"], "user": account, "namespace": namespace}
    path = folder / f"{namespace}-{account}.kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                **{name: config[name] for name in ("apiVersion", "kind", "clusters")},
                "users": [{"name": account, "user": {"tokenFile": str(token)}}],
                "contexts": [{"name": account, "context": context}],
                "current-context": account,
            }
        ),
        "utf-8",
    )
    return path
