"""The Job that asks the hub: confined, small, and made anew when anything about it changes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from hypothesis import given

from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.names import selector_labels
from cosmos3_operator.plan.types import Plan
from fakes.hub import FakeHub, Repo
from unit.plan import specs

IMAGE = "registry.example.com/operator:1"
TOKEN = {"tokenSecretRef": {"name": "hf-token"}}


def job(kind: str = specs.GENERATOR, /, image: str = IMAGE, **spec: Any) -> dict[str, Any]:
    return specs.children(specs.plan(kind, image=image, **({"huggingFace": TOKEN} | spec)))["Job"]


def pod(**spec: Any) -> dict[str, Any]:
    return job(**spec)["spec"]["template"]["spec"]


def name(**more: Any) -> str:
    return job(**more)["metadata"]["name"]


def test_there_is_none_without_an_image_a_need_or_a_wish() -> None:
    for made in (
        specs.generator(huggingFace=TOKEN),
        specs.plan(specs.GENERATOR, image=IMAGE),
        specs.plan(
            specs.GENERATOR, image=IMAGE, huggingFace=TOKEN, preflight={"access": "Disabled"}
        ),
    ):
        assert "Job" not in specs.children(made)


def test_it_comes_after_what_confines_it_and_before_the_deployment() -> None:
    made = specs.plan(specs.GENERATOR, image=IMAGE, huggingFace=TOKEN)
    kinds = [child["kind"] for child in render(made)]
    assert kinds == ["NetworkPolicy", "Service", "Job", "Deployment"]


def test_whatever_changes_makes_another_job() -> None:
    names = [
        name(),
        name(image="registry.example.com/operator:2"),
        name(model=specs.SUPER),
        name(guardrails={"mode": "Disabled"}),
        name(huggingFace={"tokenSecretRef": {"name": "another"}}),
        name(pod={"env": [{"name": "HF_ENDPOINT", "value": "https://x.example"}]}),
        name(pod={"annotations": {"a": "b"}}),
        name(pod={"labels": {"a": "b"}}),
        name(pod={"tolerations": [{"operator": "Exists"}]}),
        name(pod={"imagePullSecrets": [{"name": "registry"}]}),
    ]
    assert len(set(names)) == len(names)


def test_what_does_not_concern_it_makes_none() -> None:
    assert name(replicas=7, pod={"nodeSelector": {"a": "b"}}, drainSeconds=5) == name()


def test_long_names_are_cut_and_stay_apart() -> None:
    names = {
        specs.children(specs.plan(kind, name=long, image=IMAGE, huggingFace=TOKEN))["Job"][
            "metadata"
        ]["name"]
        for kind in (specs.GENERATOR, specs.REASONER)
        for long in ("a" * 40, "a" * 39 + "b", "a" * 35)
    }
    assert len(names) == 6
    assert max(map(len, names)) <= 63


def test_it_takes_no_gpu_and_goes_where_it_finds_room() -> None:
    made = pod(
        pod={
            "nodeSelector": {"gpu": "yes"},
            "runtimeClassName": "nvidia",
            "priorityClassName": "high",
            "tolerations": [{"key": "tenant", "operator": "Exists"}],
            "imagePullSecrets": [{"name": "registry"}],
        }
    )
    assert "nvidia.com/gpu" not in json.dumps(made)
    assert made["tolerations"] == [{"key": "tenant", "operator": "Exists"}]
    assert made["imagePullSecrets"] == [{"name": "registry"}]
    left_out = {"nodeSelector", "affinity", "runtimeClassName", "priorityClassName", "volumes"}
    assert not left_out & made.keys()


def test_it_fits_pod_security_restricted() -> None:
    made = pod()
    (container,) = made["containers"]
    assert made["securityContext"]["runAsNonRoot"] is True
    assert made["securityContext"]["runAsUser"] == 65532
    assert made["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert made["automountServiceAccountToken"] is False
    assert made["enableServiceLinks"] is False


def test_the_kubelet_tries_again_and_the_job_never_gives_up() -> None:
    spec = job()["spec"]
    assert spec["template"]["spec"]["restartPolicy"] == "OnFailure"
    assert spec["backoffLimit"] == 2**31 - 1
    assert not {"activeDeadlineSeconds", "ttlSecondsAfterFinished"} & spec.keys()


@given(plan=specs.PLANS_WITH_IMAGE)
def test_no_selector_of_the_servers_finds_its_pods(plan: Plan) -> None:
    found = specs.children(plan)
    if "Job" not in found:
        assert plan.access is None
        return
    labels = found["Job"]["spec"]["template"]["metadata"]["labels"]
    for selector in (
        found["Deployment"]["spec"]["selector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
    ):
        assert not selector.items() <= labels.items()
    assert plan.pod.labels.items() <= labels.items()
    component = labels["app.kubernetes.io/component"]
    assert component == f"{plan.owner.component}-access"
    if "NetworkPolicy" in found:
        chosen = found["NetworkPolicy"]["spec"]["podSelector"]
        (either,) = chosen["matchExpressions"]
        servers = selector_labels(plan.owner)
        for one in (labels, servers):
            assert chosen["matchLabels"].items() <= one.items()
            assert one[either["key"]] in either["values"]


def needs_of(made: Plan) -> str | None:
    metadata = specs.children(made)["Deployment"]["metadata"]
    found: str | None = metadata.get("annotations", {}).get("serving.cosmos3.io/access")
    return found


def test_a_deployment_with_pods_says_what_they_need_of_the_hub() -> None:
    for replicas, image in ((1, IMAGE), (3, ""), (0, IMAGE)):
        made = specs.plan(specs.GENERATOR, image=image, huggingFace=TOKEN, replicas=replicas)
        assert made.access is not None
        assert needs_of(made) == (made.access.fingerprint if replicas else None)
    assert needs_of(specs.generator()) is None


def test_its_pod_is_no_endpoint_of_any_service_and_leaves_word_in_any_case() -> None:
    made = pod(pod={"labels": {"app": "my-own-service"}})
    assert made["readinessGates"] == [{"conditionType": "serving.cosmos3.io/never-serves"}]
    assert made["containers"][0]["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_the_command_is_the_program_and_runs() -> None:
    hub = FakeHub()
    hub.repos = {specs.NANO: Repo(revisions=("main", "fp8"))}
    (container,) = job(specs.REASONER, revision="fp8")["spec"]["template"]["spec"]["containers"]
    command = container["command"]
    assert command[0] == "python3"
    with hub.running():
        done = subprocess.run(
            [sys.executable, *command[1:]],
            env={"HF_ENDPOINT": hub.url, "PYTHONHOME": "/of/another/image"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["message"].endswith(f"grants {specs.NANO}@fp8")
    assert len(hub.asked) == 2
