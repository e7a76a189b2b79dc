"""Single objects, each by its smallest example."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cosmos3_operator.plan.types import Plan
from unit.plan import specs

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"

GUARD = [
    {"key": "nvidia.com/gpu.compute.major", "operator": "NotIn", "values": list("34567")},
    *(
        {"key": key, "operator": "NotIn", "values": ["9", "10", "11", "12"]}
        for key in ("nvidia.com/cuda.runtime-version.major", "nvidia.com/cuda.runtime.major")
    ),
]
"""What keeps a bf16 model in a CUDA 13 image off old drivers and GPUs."""


def terms_of(plan: Plan) -> list[dict[str, Any]]:
    terms: list[dict[str, Any]] = specs.pod_of(plan)["affinity"]["nodeAffinity"][REQUIRED][
        "nodeSelectorTerms"
    ]
    return terms


def test_order_is_that_of_dependence():
    plan = specs.generator(cache={"type": "Claim"}, runtime={"version": "0.30.0"})
    assert list(specs.children(plan)) == [
        "NetworkPolicy",
        "ConfigMap",
        "PersistentVolumeClaim",
        "Service",
        "Deployment",
    ]


@pytest.mark.parametrize(
    ("replicas", "surge", "expected"),
    [
        (0, 0, {"type": "Recreate"}),
        (1, 0, {"type": "Recreate"}),
        (3, 0, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
        (1, 1, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}),
    ],
)
def test_strategy(replicas: int, surge: int, expected: dict[str, Any]):
    plan = specs.reasoner(replicas=replicas, rollout={"maxSurge": surge})
    assert specs.children(plan)["Deployment"]["spec"]["strategy"] == expected


def test_the_deploy_config_is_what_vllm_omni_reads():
    plan = specs.generator(runtime={"version": "0.30.0"}, guardrails={"offloadModels": True})
    text = specs.children(plan)["ConfigMap"]["data"]["deploy-config.yaml"]
    assert "\npipeline: cosmos3_omni_deploy\n" in text
    assert "guardrails: true" in text
    assert "offload_guardrail_models: true" in text
    assert specs.value_of(plan, "--deploy-config") == "/etc/cosmos3/deploy-config.yaml"


def test_a_new_deploy_config_has_a_new_name_and_so_rolls_the_pods():
    names = {
        specs.children(specs.generator(runtime={"version": "0.30.0"}, guardrails={"mode": mode}))[
            "ConfigMap"
        ]["metadata"]["name"]
        for mode in ("Enabled", "Disabled")
    }
    assert len(names) == 2


def test_a_generator_keeps_its_clients_on_their_pod():
    service = specs.children(specs.generator())["Service"]["spec"]
    assert service["sessionAffinity"] == "ClientIP"
    assert "sessionAffinity" not in specs.children(specs.reasoner())["Service"]["spec"]


def test_the_service_shows_another_port_and_reaches_the_servers():
    plan = specs.reasoner(service={"port": 80, "annotations": {"example.com/a": "b"}})
    service = specs.children(plan)["Service"]
    (port,) = service["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (80, "http")
    assert service["metadata"]["annotations"] == {"example.com/a": "b"}
    assert plan.endpoint == "http://case-reasoner.models.svc:80"


def test_the_policy_lets_in_the_api_port_only_and_bars_metadata_services():
    policy = specs.children(specs.generator())["NetworkPolicy"]["spec"]
    assert policy["ingress"] == [{"ports": [{"protocol": "TCP", "port": 8000}]}]
    blocks = [to["ipBlock"] for rule in policy["egress"] for to in rule.get("to", [])]
    assert {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]} in blocks
    off = specs.generator(networkPolicy={"enabled": False})
    assert "NetworkPolicy" not in specs.children(off)


def test_an_empty_selector_of_a_peer_selects_all():
    peers = [{"namespaceSelector": {}}, {"podSelector": {"matchLabels": {"app": "a"}}}]
    plan = specs.generator(networkPolicy={"ingressFrom": peers})
    (ingress,) = specs.children(plan)["NetworkPolicy"]["spec"]["ingress"]
    assert ingress["from"] == peers


def test_gpu_wishes_join_each_of_the_users_alternatives():
    asked = [
        {"matchExpressions": [{"key": "rack", "operator": "In", "values": ["r1"]}]},
        {"matchExpressions": [{"key": "spare", "operator": "Exists"}]},
    ]
    plan = specs.generator(
        gpu={"products": ["NVIDIA-L40S"], "minMemory": "40Gi"},
        pod={"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": asked}}}},
    )
    ours = [
        {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["NVIDIA-L40S"]},
        {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["40959"]},
        *GUARD,
    ]
    terms = terms_of(plan)
    assert terms == [{"matchExpressions": [*t["matchExpressions"], *ours]} for t in asked]


def test_a_robot_policy_announces_what_it_was_trained_on_and_obeys_guardrails_as_asked():
    for mode in ("Enabled", "Disabled"):
        plan = specs.generator(model=specs.POLICY, guardrails={"mode": mode})
        text = specs.children(plan)["ConfigMap"]["data"]["deploy-config.yaml"]
        config = yaml.safe_load(text)
        (stage,) = config["stages"]
        assert config["pipeline"] == "cosmos3_policy"
        assert stage["max_num_seqs"] == 1
        assert "devices" not in stage
        assert stage["default_sampling_params"]["extra_args"] == {"format_prompt_as_json": True}
        assert stage["model_config"]["guardrails"] == (mode == "Enabled")
        assert stage["model_config"]["policy_server_config"] == {
            "image_resolution": [540, 640],
            "n_external_cameras": 2,
            "needs_wrist_camera": True,
            "needs_stereo_camera": False,
            "needs_session_id": True,
            "action_space": "joint_position",
        }


def test_an_older_runtime_serves_a_robot_policy_without_a_websocket():
    plan = specs.generator(model=specs.POLICY, runtime={"version": "0.28.0"})
    assert plan.robot_endpoint is None
    assert "ConfigMap" not in specs.children(plan)


def test_other_models_of_the_same_runtime_announce_nothing():
    plan = specs.generator(runtime={"version": "0.30.0"})
    assert plan.robot_endpoint is None
    assert "policy_server" not in str(specs.children(plan)["ConfigMap"])


def test_an_empty_pod_selector_is_kept_because_it_selects_every_pod():
    term = {"labelSelector": {}, "topologyKey": "kubernetes.io/hostname"}
    plan = specs.generator(pod={"affinity": {"podAntiAffinity": {REQUIRED: [term]}}})
    assert specs.pod_of(plan)["affinity"]["podAntiAffinity"] == {REQUIRED: [term]}


def test_an_image_stays_off_drivers_and_gpus_that_are_labelled_as_too_old():
    assert terms_of(specs.generator()) == [{"matchExpressions": GUARD}]


def test_a_pinned_cuda_line_chooses_nodes_by_either_label_of_their_driver():
    plan = specs.reasoner(runtime={"version": "0.28.0", "cuda": "12"})
    assert [term["matchExpressions"][-1] for term in terms_of(plan)] == [
        {"key": key, "operator": "Gt", "values": ["11"]}
        for key in ("nvidia.com/cuda.runtime-version.major", "nvidia.com/cuda.runtime.major")
    ]


def test_of_an_unknown_model_in_an_unknown_image_no_node_is_ruled_out():
    plan = specs.generator(model="someone/tune", runtime={"image": "registry.example.com/own:1"})
    assert "affinity" not in specs.pod_of(plan)


def test_what_was_decided_is_noted_on_the_deployment_and_not_on_its_pods():
    for runtime in ({}, {"cuda": "13"}, {"image": "mirror/vllm/vllm-openai:v0.28.0"}):
        plan = specs.reasoner(runtime=runtime)
        deployment = specs.children(plan)["Deployment"]
        noted = {"serving.cosmos3.io/runtime": plan.runtime.note}
        assert deployment["metadata"]["annotations"] == noted
        assert "annotations" not in deployment["spec"]["template"]["metadata"]


def test_the_usual_taint_is_tolerated_once():
    same = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    assert specs.pod_of(specs.generator(pod={"tolerations": [same]}))["tolerations"] == [same]


def test_a_group_for_the_volumes_does_not_walk_them_at_each_start():
    context = specs.pod_of(specs.generator(pod={"securityContext": {"fsGroup": 0}}))
    assert context["securityContext"]["fsGroup"] == 0
    assert context["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"


def test_media_are_mounted_read_only_where_the_server_looks():
    media = {"claimName": "drives", "mountPath": "/data/drives", "subPath": "2026"}
    plan = specs.reasoner(media=media)
    mount = specs.container_of(plan)["volumeMounts"][-1]
    assert mount == {
        "name": "media",
        "mountPath": "/data/drives",
        "readOnly": True,
        "subPath": "2026",
    }
    claim = specs.pod_of(plan)["volumes"][-1]["persistentVolumeClaim"]
    assert claim == {"claimName": "drives", "readOnly": True}
    assert specs.value_of(plan, "--allowed-local-media-path") == "/data/drives"


def test_a_claim_is_what_was_asked_for():
    cache = {"type": "Claim", "size": "2Ti", "storageClassName": "fast", "retention": "Retain"}
    claim = specs.children(specs.reasoner(cache=cache))["PersistentVolumeClaim"]
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2Ti"}},
        "storageClassName": "fast",
    }
    assert "ownerReferences" not in claim["metadata"]


def test_shared_memory_is_bounded_and_in_memory():
    (shm,) = (v for v in specs.pod_of(specs.generator())["volumes"] if v["name"] == "shm")
    assert shm["emptyDir"] == {"medium": "Memory", "sizeLimit": "16Gi"}
