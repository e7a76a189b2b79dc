"""The init container that looks at the GPUs: when it is there, what it asks, what it may see."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given

from cosmos3_operator.manifests.programs import program
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.probes import gpu
from unit.plan import specs


def devices_of(made: Plan) -> dict[str, Any]:
    container = specs.init_container_of(made, "devices")
    assert container is not None
    return container


def options_of(made: Plan) -> list[str]:
    return devices_of(made)["command"][3:]


@given(plan=specs.PLANS)
def test_it_takes_nothing_that_the_server_does_not_take(plan: Plan) -> None:
    container = specs.init_container_of(plan, "devices")
    wanted = plan.devices is not None
    assert (container is not None) == wanted
    if container:
        server = specs.container_of(plan)
        assert container["resources"] == server["resources"]
        assert container["image"] == server["image"]
        assert container["imagePullPolicy"] == server["imagePullPolicy"]
        assert all(mount in server["volumeMounts"] for mount in container["volumeMounts"])


@given(plan=specs.PLANS)
def test_the_program_understands_what_it_is_asked(plan: Plan) -> None:
    if plan.devices is not None:
        wanted = gpu.parser().parse_args(options_of(plan))
        assert wanted.gpus == plan.gpus.world_size
        assert wanted.shm_gib == plan.shm_gib


def test_what_it_asks() -> None:
    made = specs.generator(
        parallelism={"tensor": 2, "cfg": 2},
        gpu={"minMemory": "80Gi"},
        guardrails={"mode": "Disabled"},
    )
    assert options_of(made) == [
        *("--gpus=4", "--cuda=13", "--min-compute=8.0", "--min-memory-mib=81920"),
        *("--shm-gib=16", "--cache=/cache", "--cache-gib=30.7"),
    ]


def test_it_is_the_program_itself_and_runs_as_rendered() -> None:
    command = devices_of(specs.generator())["command"]
    assert command[:3] == ["python3", "-c", program("gpu.py")]
    done = subprocess.run(
        [sys.executable, *command[1:]], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert '"reason": "NoCudaDevice"' in done.stdout


@pytest.mark.parametrize(
    ("spec", "there"),
    [
        ({}, True),
        ({"preflight": {"devices": "Disabled"}}, False),
        ({"gpu": {"resourceName": "nvidia.com/gpu.shared"}}, True),
        ({"gpu": {"resourceName": "nvidia.com/mig-1g.10gb"}}, True),
        ({"gpu": {"resourceName": "amd.com/gpu"}}, False),
        ({"gpu": {"resourceName": "example.com/nvidia.com"}}, False),
    ],
)
def test_when_it_is_there(spec: dict[str, Any], there: bool) -> None:
    for made in (specs.generator(**spec), specs.reasoner(**spec)):
        assert ("initContainers" in specs.pod_of(made)) == there


@pytest.mark.parametrize(
    ("runtime", "cuda"),
    [
        ({}, "13"),
        ({"version": "0.28.0", "cuda": "12"}, "12"),
        ({"image": "registry.example.com/mine:1", "version": "0.28.0", "cuda": "12"}, "12"),
        ({"image": "registry.example.com/mine:1", "version": "0.28.0"}, None),
    ],
)
def test_no_guess_about_an_image_of_ones_own(runtime: dict[str, str], cuda: str | None) -> None:
    found = [word for word in options_of(specs.reasoner(runtime=runtime)) if "--cuda" in word]
    assert found == ([f"--cuda={cuda}"] if cuda else [])


def test_an_unknown_model_asks_for_no_compute_capability() -> None:
    options = options_of(specs.generator(model="someone/fine-tune"))
    assert [word for word in options if "--min-compute" in word] == []


def test_a_model_that_is_there_already_asks_for_no_room() -> None:
    options = options_of(specs.reasoner(model="/cache/models/mine"))
    assert [word for word in options if "--cache-gib" in word] == []


def test_it_sees_the_variables_that_matter_and_no_secret() -> None:
    secret = {"secretKeyRef": {"name": "s", "key": "k"}}
    made = specs.generator(
        huggingFace={"tokenSecretRef": {"name": "hf-token"}},
        apiKeySecretRef={"name": "api-key"},
        pod={
            "env": [
                {"name": "LD_LIBRARY_PATH", "value": "/usr/local/cuda/compat"},
                {"name": "NVIDIA_DISABLE_REQUIRE", "value": "1"},
                {"name": "MY_TOKEN", "value": "something"},
                {"name": "NVIDIA_API_KEY", "valueFrom": secret},
            ]
        },
    )
    assert devices_of(made)["env"] == [
        {"name": "CUDA_CACHE_PATH", "value": "/cache/cuda"},
        {"name": "LD_LIBRARY_PATH", "value": "/usr/local/cuda/compat"},
        {"name": "NVIDIA_DISABLE_REQUIRE", "value": "1"},
    ]


def test_it_mounts_the_cache_and_shared_memory() -> None:
    assert devices_of(specs.generator(media={"claimName": "media"}))["volumeMounts"] == [
        {"name": "cache", "mountPath": "/cache"},
        {"name": "shm", "mountPath": "/dev/shm"},
    ]


def test_its_last_words_reach_the_status() -> None:
    assert devices_of(specs.reasoner())["terminationMessagePolicy"] == "FallbackToLogsOnError"
