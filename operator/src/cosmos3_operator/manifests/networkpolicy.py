"""The NetworkPolicy of the model pods.

In: only the API port, since torch.distributed listens on every interface. Out: anywhere but the
blocked ranges, since the servers fetch URLs that requests name. The pod that asks the hub is under
the same policy: what the servers cannot reach, it must not find reachable. It listens nowhere.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from cosmos3_operator.api.common import NetworkPolicyPeer
from cosmos3_operator.manifests.metadata import Manifest, manifest
from cosmos3_operator.plan.names import COMPONENT, access_component, selector_labels
from cosmos3_operator.plan.paths import PORT
from cosmos3_operator.plan.types import Plan

_BLOCKED_IPV6 = ("fe80::/10", "fd00:ec2::254/128")
"""Link-local addresses, and the IPv6 address of cloud metadata."""


def build_network_policy(plan: Plan) -> Manifest | None:
    """Return the policy, or None if the user switched it off."""
    if not plan.network.enabled:
        return None
    ingress: dict[str, Any] = {"ports": [{"protocol": "TCP", "port": PORT}]}
    if plan.network.ingress_from:
        ingress["from"] = [_peer(peer) for peer in plan.network.ingress_from]
    return manifest(
        plan,
        api_version="networking.k8s.io/v1",
        kind="NetworkPolicy",
        name=plan.owner.base,
        body={
            "spec": {
                "podSelector": _pods(plan),
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [ingress],
                "egress": [_dns(), _anywhere_but(plan.network.blocked_cidrs)],
            }
        },
    )


def _pods(plan: Plan) -> dict[str, Any]:
    labels = selector_labels(plan.owner)
    if plan.access is None or not plan.access.image:
        return {"matchLabels": labels}
    component = labels.pop(COMPONENT)
    either = [component, access_component(component)]
    return {
        "matchLabels": labels,
        "matchExpressions": [{"key": COMPONENT, "operator": "In", "values": either}],
    }


def _dns() -> dict[str, Any]:
    # Node-local DNS caches have link-local addresses, so names are asked before ranges are barred.
    return {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}


def _anywhere_but(blocked: tuple[str, ...]) -> dict[str, Any]:
    ipv4: dict[str, Any] = {"cidr": "0.0.0.0/0"}
    if blocked:
        ipv4["except"] = sorted({_canonical(block) for block in blocked})
    return {
        "to": [
            {"ipBlock": ipv4},
            {"ipBlock": {"cidr": "::/0", "except": list(_BLOCKED_IPV6)}},
        ]
    }


def _canonical(block: str) -> str:
    return str(ipaddress.ip_network(block, strict=False))


def _peer(peer: NetworkPolicyPeer) -> dict[str, Any]:
    selectors = {
        "namespaceSelector": peer.namespace_selector,
        "podSelector": peer.pod_selector,
    }
    return {
        name: {"matchLabels": dict(selector.match_labels)} if selector.match_labels else {}
        for name, selector in selectors.items()
        if selector is not None
    }
