"""Resources for tests: written by hand, or drawn at random from everything that is legal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.api.resource import API_VERSION, Resource, parse
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Surface
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.facts import Facts, LiveDeployment, NodeShape
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.settings import Settings
from cosmos3_operator.plan.types import Plan

# A busy machine is no reason to fail.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

GENERATOR, REASONER = "CosmosGenerator", "CosmosReasoner"
NANO, SUPER, EDGE = "nvidia/Cosmos3-Nano", "nvidia/Cosmos3-Super", "nvidia/Cosmos3-Edge"
POLICY = "nvidia/Cosmos3-Nano-Policy-DROID"
FOUR_STEP = "nvidia/Cosmos3-Super-Text2Image-4Step"

H100 = NodeShape(
    resource_name="nvidia.com/gpu",
    gpus=8,
    nodes=2,
    product="NVIDIA-H100-80GB-HBM3",
    memory_mib=81559,
)
L40S = NodeShape(
    resource_name="nvidia.com/gpu", gpus=4, nodes=1, product="NVIDIA-L40S", memory_mib=46068
)
CLUSTER = Facts(nodes=(H100, L40S))


def resource(kind: str, spec: Mapping[str, Any], name: str = "case") -> Resource:
    metadata = {"name": name, "namespace": "models", "uid": "1-2-3", "generation": 1}
    return parse({"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec})


def live(made: Plan, *, has_served: bool = True, replicas: int = 1) -> LiveDeployment:
    """Return the Deployment of a plan as it is in the cluster some time later."""
    return LiveDeployment(
        note=made.runtime.note,
        image=made.runtime.image,
        replicas=replicas,
        has_served=has_served,
    )


def plan(
    kind: str, facts: Facts | None = None, /, *, name: str = "case", image: str = "", **spec: Any
) -> Plan:
    """Plan a resource; `image` is the operator's --preflight-image."""
    return make_plan(
        resource(kind, {"model": NANO, **spec}, name),
        facts or Facts(),
        settings=Settings(preflight_image=image),
    )


def generator(facts: Facts | None = None, /, **spec: Any) -> Plan:
    return plan(GENERATOR, facts, **spec)


def reasoner(facts: Facts | None = None, /, **spec: Any) -> Plan:
    return plan(REASONER, facts, **spec)


def children(made: Plan) -> dict[str, dict[str, Any]]:
    return {child["kind"]: child for child in render(made)}


def pod_of(made: Plan) -> dict[str, Any]:
    pod: dict[str, Any] = children(made)["Deployment"]["spec"]["template"]["spec"]
    return pod


def container_of(made: Plan) -> dict[str, Any]:
    container: dict[str, Any] = pod_of(made)["containers"][0]
    return container


def init_container_of(made: Plan, name: str) -> dict[str, Any] | None:
    found = pod_of(made).get("initContainers", ())
    return next((container for container in found if container["name"] == name), None)


def flags_of(made: Plan) -> list[str]:
    return [word.partition("=")[0] for word in made.args if word.startswith("-")]


def value_of(made: Plan, flag: str) -> str | None:
    return made.args[made.args.index(flag) + 1] if flag in made.args else None


def refusal(kind: str, **spec: Any) -> dict[str, str]:
    """Return what is refused, message by field path; {} if nothing is."""
    try:
        plan(kind, **spec)
    except Invalid as error:
        return {found.path: found.message for found in error.errors}
    return {}


def _maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _models(surface: Surface) -> st.SearchStrategy[str]:
    return st.sampled_from([*load().models(surface), "someone/fine-tune", "/cache/models/mine"])


SPLITS = st.one_of(
    st.just({}),
    _maybe(
        tensor=st.sampled_from([1, 2, 4, 8]),
        cfg=st.sampled_from([1, 2]),
        ulysses=st.sampled_from([1, 2, 4, 8]),
        hsdp=st.booleans(),
    ),
    st.fixed_dictionaries(
        {"gpus": st.integers(1, 16)},
        optional={"goal": st.sampled_from(["Latency", "Throughput"])},
    ),
)

CACHES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {"type": st.just("Claim"), "size": st.just("300Gi")},
        optional={
            "storageClassName": st.just("fast"),
            "accessMode": st.sampled_from(["ReadWriteOnce", "ReadWriteMany"]),
            "retention": st.sampled_from(["Delete", "Retain"]),
        },
    ),
    st.just({"type": "ExistingClaim", "claimName": "weights"}),
)

_SHARED: dict[str, st.SearchStrategy[Any]] = {
    "replicas": st.integers(0, 4),
    "servedModelName": st.just("cosmos"),
    "cache": CACHES,
    "huggingFace": _maybe(tokenSecretRef=st.just({"name": "hf-token"}), offline=st.booleans()),
    "apiKeySecretRef": st.just({"name": "api-key"}),
    "drainSeconds": st.integers(1, 4000),
    "quantization": st.sampled_from(["None", "FP8"]),
    "startupBudgetSeconds": st.integers(60, 9000),
    "media": st.just({"claimName": "media"}),
    "rollout": _maybe(maxSurge=st.integers(0, 2)),
    "preflight": _maybe(
        access=st.sampled_from(["Auto", "Required", "Advisory", "Disabled"]),
        devices=st.sampled_from(["Enabled", "Disabled"]),
    ),
    "gpu": _maybe(resourceName=st.sampled_from(["nvidia.com/gpu.shared", "amd.com/gpu"])),
    "extraArgs": st.just(["--seed", "7"]),
    "networkPolicy": _maybe(enabled=st.booleans()),
    "pod": _maybe(
        env=st.just([{"name": "NCCL_DEBUG", "value": "WARN"}]),
        resources=st.sampled_from(
            [
                {"requests": {"memory": "8Gi"}, "limits": {"memory": "64Gi"}},
                {"limits": {"memory": "4Gi", "cpu": 4}},
                {"requests": {"cpu": "500m"}},
            ]
        ),
    ),
}

GENERATORS = st.fixed_dictionaries(
    {"model": _models(Surface.GENERATOR)},
    optional={
        **_SHARED,
        "parallelism": SPLITS,
        "offload": st.sampled_from(["None", "Layerwise", "Model"]),
        "vae": _maybe(tiling=st.booleans(), slicing=st.booleans()),
        "guardrails": _maybe(
            mode=st.sampled_from(["Enabled", "Disabled"]), offloadModels=st.booleans()
        ),
        "runtime": _maybe(
            version=st.sampled_from(["cosmos3", "0.26.0", "0.28.0", "0.30.0"]),
            cuda=st.sampled_from(["Auto", "13"]),
        ),
    },
)

REASONERS = st.fixed_dictionaries(
    {"model": _models(Surface.REASONER)},
    optional={
        **_SHARED,
        "parallelism": _maybe(tensor=st.sampled_from([1, 2, 4, 8])),
        "revision": st.just("main"),
        "maxModelLength": st.sampled_from([4096, 131072]),
        "video": _maybe(fps=st.integers(1, 8), numFrames=st.sampled_from([-1, 32])),
        "allowedMediaDomains": st.just(["media.example.com", "cdn.example.com"]),
        "runtime": st.sampled_from(
            [
                {},
                {"version": "0.28.0"},
                {"version": "0.28.0", "cuda": "12"},
                {"cuda": "12"},
                {"version": "0.21.0", "image": "registry.example.com/plugin:1"},
                {"mode": "Plugin", "image": "registry.example.com/plugin:1"},
            ]
        ),
    },
)


ASKED = st.one_of(
    st.tuples(st.just(GENERATOR), GENERATORS), st.tuples(st.just(REASONER), REASONERS)
)
"""Kind and spec."""

CLUSTERS = st.one_of(
    st.just(Facts()),
    st.builds(
        lambda shapes: Facts(nodes=tuple(shapes)),
        st.lists(
            st.builds(
                NodeShape,
                resource_name=st.just("nvidia.com/gpu"),
                gpus=st.sampled_from([1, 4, 8]),
                nodes=st.just(1),
                product=st.sampled_from(["", "NVIDIA-L40S", "NVIDIA-H200"]),
                memory_mib=st.sampled_from([0, 46068, 143771]),
                cuda_major=st.sampled_from([0, 11, 12, 13, 14]),
                compute_capability=st.sampled_from(["", "7.5", "8.0", "8.9", "9.0"]),
            ),
            max_size=3,
        ),
    ),
)
"""Nodes of all ages, labelled or not; or nothing known."""

CUDA_LABELS = ("nvidia.com/cuda.runtime-version.major", "nvidia.com/cuda.runtime.major")
NODE_LABELS = st.builds(
    lambda cuda, names, compute: dict.fromkeys(names, cuda) | compute,
    st.integers(9, 14).map(str),
    st.sets(st.sampled_from(CUDA_LABELS)),
    _maybe(**{"nvidia.com/gpu.compute.major": st.integers(3, 12).map(str)}),
)
"""Labels as GPU feature discovery sets them: of an old release, a new one, or none."""


def admits(made: Plan, labels: Mapping[str, str]) -> bool:
    """Whether the scheduler may put a plan's pod onto a node with these labels."""
    affinity = pod_of(made).get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    return any(
        all(_holds(condition, labels) for condition in term["matchExpressions"])
        for term in required["nodeSelectorTerms"]
    )


def _holds(condition: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(condition["key"]), condition["values"]
    if condition["operator"] == "NotIn":
        return value not in values
    if condition["operator"] == "Gt":
        return value is not None and int(value) > int(values[0])
    raise AssertionError(f"no other operator is expected here: {condition}")


def _served(kind: str, spec: dict[str, Any]) -> Plan | None:
    try:
        return make_plan(resource(kind, spec), Facts())
    except Invalid:
        return None


GENERATOR_PLANS = GENERATORS.map(lambda spec: _served(GENERATOR, spec)).filter(bool)
REASONER_PLANS = REASONERS.map(lambda spec: _served(REASONER, spec)).filter(bool)
PLANS: st.SearchStrategy[Any] = st.one_of(GENERATOR_PLANS, REASONER_PLANS)
"""Plans of legal resources of all shapes."""


def _with_image(made: Plan) -> Plan:
    return replace(made, access=replace(made.access, image="a/b:1") if made.access else None)


PLANS_WITH_IMAGE = PLANS.map(_with_image)
"""The same, by an operator that has a --preflight-image."""
