"""What the hub is asked, and when nobody asks."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.plan.explain import explain
from cosmos3_operator.plan.types import AccessPlan
from unit.plan import specs

TOKEN = {"tokenSecretRef": {"name": "hf-token"}}
PATH = "/cache/models/my-cosmos"


def access(kind: str = specs.GENERATOR, /, **spec: Any) -> AccessPlan | None:
    return specs.plan(kind, **spec).access


@pytest.mark.parametrize(
    ("mode", "spec", "required"),
    [
        ("Auto", {"huggingFace": TOKEN}, True),
        ("Auto", {}, None),
        ("Auto", {"huggingFace": TOKEN | {"offline": True}}, None),
        ("Auto", {"huggingFace": TOKEN, "model": PATH}, None),
        ("Required", {}, True),
        ("Required", {"model": PATH}, True),
        ("Required", {"model": PATH, "guardrails": {"mode": "Disabled"}}, None),
        ("Advisory", {}, False),
        ("Advisory", {"huggingFace": TOKEN}, False),
        ("Advisory", {"huggingFace": {"offline": True}}, None),
        ("Disabled", {"huggingFace": TOKEN}, None),
    ],
)
def test_who_waits_and_when_nobody_asks(
    mode: str, spec: dict[str, Any], required: bool | None
) -> None:
    found = access(preflight={"access": mode}, **spec)
    assert (found.required if found else None) is required
    if mode == "Auto":
        assert access(**spec) == found


@pytest.mark.parametrize("kind", [specs.GENERATOR, specs.REASONER])
def test_required_contradicts_offline(kind: str) -> None:
    refused = specs.refusal(kind, preflight={"access": "Required"}, huggingFace={"offline": True})
    assert list(refused) == ["spec.preflight.access"]
    assert "Required contradicts huggingFace.offline" in refused["spec.preflight.access"]


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        (
            specs.GENERATOR,
            {},
            [specs.NANO, "nvidia/Cosmos-1.0-Guardrail", "Qwen/Qwen3Guard-Gen-0.6B"],
        ),
        (specs.GENERATOR, {"guardrails": {"mode": "Disabled"}}, [specs.NANO]),
        (
            specs.GENERATOR,
            {"model": PATH},
            ["nvidia/Cosmos-1.0-Guardrail", "Qwen/Qwen3Guard-Gen-0.6B"],
        ),
        (specs.REASONER, {}, [specs.NANO]),
        (specs.REASONER, {"revision": "fp8"}, [f"{specs.NANO}@fp8"]),
        (specs.REASONER, {"model": "someone/else"}, ["someone/else"]),
    ],
)
def test_all_that_is_downloaded_is_asked_for(
    kind: str, spec: dict[str, Any], words: list[str]
) -> None:
    found = access(kind, preflight={"access": "Required"}, **spec)
    assert found is not None
    assert list(map(str, found.repositories)) == words


def test_the_token_is_referred_to_and_all_variables_of_the_user_go_along() -> None:
    env = [
        {"name": "HF_ENDPOINT", "value": "https://hub.example.com"},
        {"name": "HTTPS_PROXY", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "url"}}},
    ]
    found = access(huggingFace={"tokenSecretRef": {"name": "t", "key": "k"}}, pod={"env": env})
    assert found is not None
    assert [var.name for var in found.env] == ["HF_TOKEN", "HF_ENDPOINT", "HTTPS_PROXY"]
    assert found.token is not None
    assert (found.token.name, found.token.key) == ("t", "k")


def test_a_fingerprint_tells_what_is_asked_and_not_who_asks() -> None:
    base: dict[str, Any] = {"huggingFace": TOKEN}
    same = [
        specs.plan(specs.GENERATOR, **base).access,
        specs.plan(specs.GENERATOR, image="a/b:1", **base).access,
        access(**base, preflight={"access": "Advisory"}),
        access(**base, replicas=5, pod={"labels": {"a": "b"}}),
    ]
    others = [
        access(**base, model=specs.SUPER),
        access(**base, guardrails={"mode": "Disabled"}),
        access(huggingFace={"tokenSecretRef": {"name": "another"}}),
        access(**base, pod={"env": [{"name": "HF_ENDPOINT", "value": "https://x.example"}]}),
    ]
    prints = [found.fingerprint for found in (*same, *others) if found]
    assert len(set(prints[: len(same)])) == 1
    assert len(set(prints)) == 1 + len(others)


def test_the_plan_says_whether_anybody_asks() -> None:
    assert "Access" not in explain(specs.generator())
    blind = explain(specs.generator(huggingFace=TOKEN))
    assert "Access        not checked without --preflight-image: nvidia/Cosmos3-Nano" in blind
    asked = explain(specs.plan(specs.REASONER, image="a/b:1", huggingFace=TOKEN))
    assert "a Job asks the hub for nvidia/Cosmos3-Nano; the pods wait for the answer" in asked
