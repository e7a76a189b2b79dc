"""The operator as the chart runs it: its account, its arguments, its environment.

In: the Deployment that Helm installed. Out: a process on this machine that has the token of the
Deployment's service account and the very command line of its container; only the address it
listens on is another, and the way to the API server, which pods are given, is a kubeconfig. What
users get is what is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.account import account_kubeconfig
from support.api import Api
from support.helm import NAMESPACE, RELEASE
from support.operator_process import OperatorProcess

LISTEN = "--listen="


def chart_operator(
    api: Api,
    *,
    admin: Path,
    folder: Path,
    namespace: str = NAMESPACE,
    name: str = RELEASE,
    environ: Mapping[str, str] | None = None,
) -> OperatorProcess:
    """Return the operator of a live Deployment, not started yet."""
    deployment = api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    assert deployment is not None, f"no Deployment {namespace}/{name}"
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    command, *options = container["args"]
    assert command == "run"
    return OperatorProcess(
        kubeconfig=account_kubeconfig(
            api,
            admin=admin,
            namespace=namespace,
            account=pod["serviceAccountName"],
            folder=folder,
        ),
        log=folder / f"{namespace}-{name}.log",
        options=tuple(word for word in options if not word.startswith(LISTEN)),
        environ=_plain(container) | dict(environ or {}),
    )


def _plain(container: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that have their value in the pod spec itself."""
    return {one["name"]: one["value"] for one in container.get("env", ()) if "value" in one}
