"""What holds for the objects of every plan."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given, settings

from cosmos3_operator.api.quantity import parse_quantity
from cosmos3_operator.cli.files import load_all
from cosmos3_operator.cli.render import to_yaml
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.types import CacheKind, Plan
from cosmos3_operator.reconcile.memo import digest
from unit.plan import specs

SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


@given(plan=specs.PLANS)
def test_names_labels_and_owners(plan: Plan):
    objects = render(plan)
    assert len({(o["kind"], o["metadata"]["name"]) for o in objects}) == len(objects)
    for child in objects:
        metadata = child["metadata"]
        assert SERVICE_NAME.fullmatch(metadata["name"])
        assert metadata["namespace"] == plan.owner.namespace
        assert all(LABEL_VALUE.fullmatch(value) for value in metadata["labels"].values())
        kept = child["kind"] == "PersistentVolumeClaim" and plan.cache.retain
        owners = metadata.get("ownerReferences", [])
        assert [o["uid"] for o in owners] == ([] if kept else [plan.owner.uid])
        assert all(o["controller"] for o in owners)


@given(plan=specs.PLANS)
def test_objects_are_plain_data_whose_digest_tells_them_apart(plan: Plan):
    first, again = render(plan), render(plan)
    assert [digest(child) for child in first] == [digest(child) for child in again]
    assert all(digest(child) == digest(json.loads(json.dumps(child))) for child in first)
    assert len({digest(child) for child in first}) == len(first)


def test_the_longest_name_still_makes_valid_children():
    for kind in (specs.GENERATOR, specs.REASONER):
        spec: dict[str, Any] = {"cache": {"type": "Claim"}}
        if kind == specs.GENERATOR:
            spec["runtime"] = {"version": "0.30.0"}
        for child in render(specs.plan(kind, name="a" * 40, **spec)):
            assert SERVICE_NAME.fullmatch(child["metadata"]["name"])


@given(plan=specs.PLANS)
def test_selectors_find_the_pods_and_nothing_depends_on_what_changes(plan: Plan):
    found = specs.children(plan)
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        found["Deployment"]["spec"]["selector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
    ]
    if "NetworkPolicy" in found:
        selectors.append(found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"])
    for selector in selectors:
        assert selector.items() <= labels.items()


@given(plan=specs.PLANS)
def test_requests_are_within_limits(plan: Plan):
    resources = specs.container_of(plan)["resources"]
    for name, limit in resources["limits"].items():
        assert parse_quantity(resources["requests"][name]) <= parse_quantity(limit)


@given(plan=specs.PLANS)
def test_every_mount_has_its_volume_and_every_written_folder_its_mount(plan: Plan):
    volumes = [volume["name"] for volume in specs.pod_of(plan)["volumes"]]
    mounts = specs.container_of(plan)["volumeMounts"]
    paths = [mount["mountPath"] for mount in mounts]
    assert [mount["name"] for mount in mounts] == volumes
    assert len(set(paths)) == len(paths)
    for var in specs.container_of(plan)["env"]:
        if str(var.get("value", "")).startswith("/"):
            assert any((var["value"] + "/").startswith(path + "/") for path in paths), var


@given(plan=specs.PLANS)
def test_a_claim_is_made_only_where_one_is_asked_for(plan: Plan):
    claim = specs.children(plan).get("PersistentVolumeClaim")
    assert (claim is not None) == (plan.cache.kind is CacheKind.CLAIM)
    cache = specs.pod_of(plan)["volumes"][0]
    if claim:
        assert cache["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


@given(plan=specs.PLANS)
def test_pods_are_confined(plan: Plan):
    pod = specs.pod_of(plan)
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in [*pod.get("initContainers", ()), *pod["containers"]]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    text = json.dumps(pod)
    for word in ("hostPath", "hostNetwork", "hostPID", "hostIPC", "privileged", '"secret":'):
        assert word not in text


@given(plan=specs.PLANS)
def test_rolling_never_waits_for_gpus_that_the_old_pods_hold(plan: Plan):
    strategy = specs.children(plan)["Deployment"]["spec"]["strategy"]
    if strategy["type"] == "Recreate":
        assert plan.replicas <= 1
        assert "rollingUpdate" not in strategy
    else:
        rolling = strategy["rollingUpdate"]
        assert rolling["maxSurge"] == plan.max_surge
        assert rolling["maxSurge"] + rolling["maxUnavailable"] > 0


@settings(max_examples=25)
@given(plan=specs.PLANS)
def test_objects_survive_yaml(plan: Plan):
    objects = list(render(plan))
    assert list(load_all(to_yaml(objects), origin="test")) == objects
    assert json.loads(json.dumps(objects)) == objects
