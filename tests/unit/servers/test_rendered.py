"""What is read from the operator's manifests is what a kubelet would run."""

from __future__ import annotations

import pytest

from servers.errors import ServerError
from servers.rendered import MADE_UP
from unit.servers import samples


def test_command_and_arguments_are_the_containers_own():
    rendered = samples.generator()
    assert rendered.command == ("vllm", "serve")
    assert rendered.args[:2] == (samples.NANO, "--omni")
    assert (rendered.engine, rendered.version) == ("vllm-omni", "0.30.0")


def test_the_key_comes_from_the_secret_that_is_given():
    rendered = samples.reasoner(
        {"keys": {"a": "s3cret"}}, apiKeySecretRef={"name": "keys", "key": "a"}
    )
    assert rendered.env["VLLM_API_KEY"] == "s3cret"


def test_a_secret_that_nobody_gave_is_made_up():
    rendered = samples.generator(huggingFace={"tokenSecretRef": {"name": "hf-token"}})
    assert rendered.env["HF_TOKEN"] == MADE_UP


def test_without_a_key_in_the_resource_there_is_none():
    assert "VLLM_API_KEY" not in samples.reasoner().env


def test_a_variable_from_a_configmap_is_refused_by_name():
    reference = {"configMapKeyRef": {"name": "settings", "key": "level"}}
    with pytest.raises(ServerError, match="NCCL_DEBUG"):
        samples.reasoner(pod={"env": [{"name": "NCCL_DEBUG", "valueFrom": reference}]})


def test_a_resource_that_the_operator_refuses_says_why():
    with pytest.raises(ServerError, match=r"spec\.parallelism"):
        samples.generator(parallelism={"tensor": 3})


def test_the_hook_and_the_grace_are_those_of_the_pod():
    rendered = samples.generator(drainSeconds=300)
    assert rendered.pre_stop["exec"]["command"][0] == "python3"
    assert rendered.grace_seconds > 300
    assert samples.reasoner().pre_stop.keys() == {"sleep"}


def test_the_deploy_config_is_where_the_command_says():
    rendered = samples.generator(guardrails={"mode": "Disabled"})
    (path,) = rendered.files
    assert rendered.args[rendered.args.index("--deploy-config") + 1] == path
    assert "guardrails: false" in rendered.files[path]


def test_the_revision_is_the_one_that_is_asked_for():
    assert samples.reasoner(revision="fp8").revision == "fp8"
    assert samples.reasoner().revision == "main"
