"""Questions that the rest of the program asks the catalog."""

import dataclasses

import pytest

from cosmos3_operator.catalog.images import split
from cosmos3_operator.catalog.load import CatalogError, load, serves
from cosmos3_operator.catalog.types import Runtime, Surface

CATALOG = load()
GENERATOR, REASONER = Surface.GENERATOR, Surface.REASONER


def named(runtime: Runtime | None) -> str:
    return f"{runtime.engine} {runtime.name}" if runtime else ""


def test_checkpoints_and_families():
    found = CATALOG.checkpoint("nvidia/Cosmos3-Super")
    assert found is not None
    assert CATALOG.family(found.family).kv_heads == 8
    assert CATALOG.checkpoint("someone/else") is None
    with pytest.raises(CatalogError, match="mega"):
        CATALOG.family("mega")
    assert "nvidia/Cosmos3-Super-Text2Image" in CATALOG.models(GENERATOR)
    assert "nvidia/Cosmos3-Super-Text2Image" not in CATALOG.models(REASONER)
    assert CATALOG.models_of_family("edge") == (
        "nvidia/Cosmos3-Edge",
        "nvidia/Cosmos3-Edge-Policy-DROID",
    )


@pytest.mark.parametrize(
    ("surface", "asked", "expected"),
    [
        (GENERATOR, "cosmos3", "vllm-omni cosmos3"),
        (REASONER, "cosmos3", "vllm cosmos3"),
        (GENERATOR, "0.30.0", "vllm-omni 0.30.0"),
        (REASONER, "0.30.0", "vllm 0.30.0"),
        (GENERATOR, "0.25.0", "vllm-omni cosmos3"),
        (REASONER, "0.25.0", "vllm-omni cosmos3"),
        (REASONER, "0.23.1", "vllm cosmos3"),
        (GENERATOR, "0.33.0", ""),
        (GENERATOR, "nonsense", ""),
    ],
)
def test_runtime_by_name_or_version(surface: Surface, asked: str, expected: str):
    assert named(CATALOG.runtime(surface, asked)) == expected


@pytest.mark.parametrize(
    ("surface", "model", "expected"),
    [
        (GENERATOR, "nvidia/Cosmos3-Super", "vllm-omni cosmos3"),
        (REASONER, "nvidia/Cosmos3-Super", "vllm cosmos3"),
        (REASONER, "nvidia/Cosmos3-Edge", "vllm cosmos3"),
        (GENERATOR, None, "vllm-omni cosmos3"),
        (REASONER, None, "vllm cosmos3"),
    ],
)
def test_default_runtime(surface: Surface, model: str | None, expected: str):
    checkpoint = CATALOG.checkpoint(model) if model else None
    assert named(CATALOG.default_runtime(surface, checkpoint)) == expected


@pytest.mark.parametrize(
    ("least", "expected"), [("0.26.0", "vllm-omni 0.28.0"), ("0.30.0", "vllm-omni 0.30.0")]
)
def test_default_runtime_is_new_enough_and_sound(least: str, expected: str):
    # 0.26.0 would be new enough, but cannot start with guardrails on.
    checkpoint = CATALOG.checkpoint("nvidia/Cosmos3-Nano")
    facts = dataclasses.replace(checkpoint.surfaces[GENERATOR], min_runtime=least)
    newer = dataclasses.replace(checkpoint, surfaces={GENERATOR: facts})
    assert named(CATALOG.default_runtime(GENERATOR, newer)) == expected


def test_no_runtime_for_a_surface_that_a_checkpoint_lacks():
    checkpoint = CATALOG.checkpoint("nvidia/Cosmos3-Super-Text2Image")
    with pytest.raises(CatalogError, match="Text2Image as Reasoner"):
        CATALOG.default_runtime(REASONER, checkpoint)


def test_architecture_decides_what_a_runtime_serves():
    edge = CATALOG.checkpoint("nvidia/Cosmos3-Edge")
    served = {r.name: serves(r, REASONER, edge) for r in CATALOG.runtimes if r.engine == "vllm"}
    assert not served["0.25.1"]
    assert served["0.28.0"]
    assert served["cosmos3"]


OMNI = "vllm/vllm-omni"
DIGEST = CATALOG.runtime(GENERATOR, "cosmos3").digest
OTHER = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (f"{OMNI}:cosmos3", "vllm-omni cosmos3"),
        (f"{OMNI}@{DIGEST}", "vllm-omni cosmos3"),
        (f"{OMNI}:any@{DIGEST}", "vllm-omni cosmos3"),
        (f"{OMNI}:cosmos3@{OTHER}", ""),
        (f"{OMNI}@{OTHER}", ""),
        (OMNI, ""),
        (f"{OMNI}:v0.30.0@{OTHER}", "vllm-omni 0.30.0"),
        (f"mirror.example.com:5000/hub/{OMNI}:v0.28.0", "vllm-omni 0.28.0"),
        (f"localhost:5000/{OMNI}", ""),
        ("mirror.example.com/vllm/vllm-openai:v0.28.0-cu129", "vllm 0.28.0"),
        ("vllm/vllm-openai:v0.28.0-cu129-ubuntu2404", "vllm 0.28.0"),
        ("vllm/vllm-openai:v0.21.0-x86_64-cu129", "vllm 0.21.0"),
        ("vllm/vllm-openai:v0.28.0rc1", ""),
        ("vllm/vllm-openai:v0.28.0-mine", ""),
        ("vllm/vllm-openai:latest", ""),
        ("someone/vllm-omni:cosmos3", ""),
        ("notvllm/vllm-omni:cosmos3", ""),
        ("", ""),
    ],
)
def test_runtime_for_image(image: str, expected: str):
    assert named(CATALOG.runtime_for_image(image)) == expected


def test_split_keeps_a_registry_port():
    assert split("host:5000/a/b:t@sha256:1") == ("host:5000/a/b", "t", "sha256:1")
    assert split("b") == ("b", "", "")


def test_memory_cases():
    nano = CATALOG.memory_cases("nano", GENERATOR, quantization="")
    assert nano
    assert all(case.surface is GENERATOR and not case.quantization for case in nano)
    assert max(c.peak_gib for c in nano if "measured" in c.source) == 53.5
    assert len(CATALOG.memory_cases("nano")) > len(nano)
    assert CATALOG.memory_cases("edge") == ()


def test_speed_cases():
    fastest = CATALOG.speed_cases("super", gpu="NVIDIA-H200", gpus=8, goal="Latency")
    assert {(c.tensor, c.cfg, c.ulysses, c.hsdp) for c in fastest} == {(1, 2, 4, True)}
    pair = CATALOG.speed_cases("super", gpus=2, goal="Latency")
    assert {(c.tensor, c.cfg, c.ulysses, c.hsdp) for c in pair} == {(1, 2, 1, True)}
    nano = CATALOG.speed_cases("nano", gpus=2, goal="Latency")
    assert {(c.tensor, c.cfg, c.ulysses) for c in nano} == {(1, 2, 1)}
    bulk = CATALOG.speed_cases("super", goal="Throughput")
    assert all(c.tensor == c.gpus for c in bulk)


def test_gpu_by_label():
    assert CATALOG.gpu("NVIDIA-H100-80GB-HBM3").memory_mib == 81559
    assert CATALOG.gpu("NVIDIA-L40S-SHARED").memory_mib == 46068
    assert CATALOG.gpu("NVIDIA-H200-MIG-1g.18gb") is None
    assert CATALOG.gpu("") is None
