"""From an end to a diagnosis: which text counts, and which figures the advice names."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.diagnosis.diagnose import INIT, Diagnosis, Ended, best_line, diagnose
from cosmos3_operator.diagnosis.load import rules
from cosmos3_operator.diagnosis.types import Meaning
from cosmos3_operator.plan.types import Plan
from unit.diagnosis.logs import AFTER
from unit.plan import specs

TOKEN = {"tokenSecretRef": {"name": "hf-token", "key": "HF_TOKEN"}}
CONSEQUENCES = "\n".join(AFTER["generator"])
OOM = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 96.00 MiB. GPU 0 has a total "
    "capacity of {} GiB of which 51.06 MiB is free."
)
KV = (
    "ValueError: To serve at least one request with the model's max seq len (262144), (36.0 GiB KV "
    "cache is needed, which is larger than the available KV cache memory (20.41 GiB). "
)


def told(plan: Plan, text: str = "", **ended: Any) -> Diagnosis:
    found = diagnose(plan, Ended(**{"exit_code": 1, "termination_message": text, **ended}))
    assert found is not None
    return found


def super_(**spec: Any) -> Plan:
    return specs.generator(model=specs.SUPER, guardrails={"mode": "Disabled"}, **spec)


def test_the_log_tells_where_the_termination_message_holds_consequences_only() -> None:
    found = told(super_(), CONSEQUENCES, log=OOM.format(79.18) + "\n" + CONSEQUENCES)
    assert found.reason is Reason.GPU_OUT_OF_MEMORY
    assert diagnose(super_(), Ended(exit_code=1, termination_message=CONSEQUENCES)) is None


def test_a_strong_cause_in_the_termination_message_needs_no_log() -> None:
    log = "OSError: [Errno 28] No space left on device: '/cache/x'"
    assert told(super_(), OOM.format(79.18), log=log).reason is Reason.GPU_OUT_OF_MEMORY


def test_a_weak_cause_gives_way_to_a_stronger_one_in_the_log() -> None:
    died = "ERROR 11-24 10:02:12 [x.py:1] Diffusion worker(s) died unexpectedly: ['W-0']"
    assert told(super_(), died).reason is Reason.WORKER_DIED
    assert told(super_(), died).is_weak
    full = told(super_(), died, log=f"{OOM.format(79.18)}\n{died}")
    assert full.reason is Reason.GPU_OUT_OF_MEMORY
    assert not full.is_weak


def test_a_bus_error_is_told_by_the_exit_code() -> None:
    found = told(super_(), "Diffusion worker(s) died unexpectedly: ['W-0']", exit_code=135)
    assert found.reason is Reason.SHARED_MEMORY_TOO_SMALL
    assert "16 GiB" in found.remedy


def test_the_best_line_is_that_of_the_log_where_both_are_unknown() -> None:
    ended = Ended(exit_code=1, termination_message=CONSEQUENCES, log="OddError: x\n" + CONSEQUENCES)
    assert best_line(super_(), ended) == "OddError: x"
    assert best_line(super_(), Ended(exit_code=1)) == ""


def test_words_left_on_purpose_are_better_than_others() -> None:
    ended = Ended(exit_code=1, termination_message="no weights here", log="INFO: starting\n\nbye")
    assert best_line(super_(), ended) == "no weights here"


def test_gpu_memory_names_what_the_planner_counts_and_the_next_better_split() -> None:
    remedy = told(super_(parallelism={"tensor": 2}), OOM.format(79.18)).remedy
    assert "The planner counts 81.9 GiB for one GPU, and it has 79.2 GiB" in remedy
    assert "spec.parallelism {tensor: 4} (about 59.7 GiB)" in remedy
    assert "spec.offload Layerwise (about 26.7 GiB and 176 GiB of host memory)" in remedy


def test_what_failed_is_not_named_as_a_way_out() -> None:
    """The planner may have counted too little: then what needs less than now is named."""
    remedy = told(super_(parallelism={"tensor": 4}), OOM.format(79.18)).remedy
    assert "So it should fit: look for something else on the same GPU" in remedy
    assert "{tensor: 4}" not in remedy
    assert "{tensor: 8}" in remedy


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"model": "somebody/else", "guardrails": {"mode": "Disabled"}}, "spec.offload to Layerwi"),
        ({"parallelism": {"tensor": 8}, "offload": "Layerwise"}, "use a larger one"),
    ],
)
def test_gpu_memory_where_nothing_smaller_is_known(spec: dict[str, Any], words: str) -> None:
    plan = specs.generator(**{"model": specs.SUPER, **spec})
    assert words in told(plan, OOM.format(7.5)).remedy


def test_gpu_memory_of_a_reasoner_names_a_context_that_fits() -> None:
    plan = specs.reasoner(model=specs.NANO)
    remedy = told(plan, OOM.format(44.99)).remedy
    assert re.search(r"spec\.maxModelLength \d+", remedy)


def test_without_the_size_of_the_gpu_the_product_of_the_spec_tells() -> None:
    plan = super_(gpu={"products": ["NVIDIA-H100-80GB-HBM3"]}, parallelism={"tensor": 2})
    text = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 96.00 MiB."
    remedy = told(plan, text).remedy
    assert "and it has 79.6 GiB" in remedy
    assert "spec.quantization FP8" in remedy


def test_the_kv_cache_takes_the_length_from_the_line() -> None:
    plan = specs.reasoner(model=specs.NANO)
    line = KV + "Based on the available memory, the estimated maximum model length is 148608."
    assert told(plan, line).remedy.startswith("Set spec.maxModelLength to 148608 or less")
    assert "smaller spec.maxModelLength" in told(plan, KV).remedy
    known = specs.reasoner(model=specs.NANO, gpu={"products": ["NVIDIA-L40S"]})
    assert re.search(r"fits with spec\.maxModelLength \d+", told(known, KV).remedy)


def test_out_of_memory_under_offload_is_the_host_s() -> None:
    text = "RuntimeError: CUDA error: out of memory"
    assert told(super_(), text).reason is Reason.GPU_OUT_OF_MEMORY
    found = told(super_(offload="Layerwise"), text)
    assert found.reason is Reason.OUT_OF_MEMORY
    assert "requests.memory above 176Gi" in found.remedy
    assert "spec.offload to None" in found.remedy


def test_one_text_is_another_reason_with_and_without_a_token() -> None:
    text = (
        "Access to model nvidia/Cosmos-1.0-Guardrail is restricted. You must have access to it and "
        "be authenticated to access it. Please log in."
    )
    without, with_ = specs.generator(), specs.generator(huggingFace=TOKEN)
    assert told(without, text).reason is Reason.HUGGING_FACE_TOKEN_MISSING
    assert told(with_, text).reason is Reason.HUGGING_FACE_TOKEN_REJECTED
    assert "key HF_TOKEN of Secret hf-token" in told(with_, text).remedy
    for plan in (without, with_):
        remedy = told(plan, text).remedy
        assert "https://huggingface.co/nvidia/Cosmos-1.0-Guardrail" in remedy
        assert "spec.guardrails.mode" in remedy


def test_a_missing_package_under_guardrails_is_not_the_licence() -> None:
    text = (
        "ValueError: The guardrails are enabled but not functional for <class 'X'>. This is most "
        "likely due to amissing cosmos-guardrail package. Please install cosmos-guardrail to be "
        "compliant with the [NVIDIA Open Model License Agreement](https://x.example)."
    )
    found = told(specs.generator(), text)
    assert found.reason is Reason.GUARDRAILS_NOT_FUNCTIONAL
    assert "package" in found.what


@pytest.mark.parametrize(
    ("cache", "words"),
    [
        ({}, "raise spec.cache.size (now "),
        ({"type": "Claim", "size": "50Gi"}, "raise spec.cache.size (now 50Gi)"),
        ({"type": "ExistingClaim", "claimName": "mine"}, "Enlarge the claim mine"),
    ],
)
def test_a_full_disk_names_the_volume(cache: dict[str, Any], words: str) -> None:
    text = "OSError: [Errno 28] No space left on device"
    assert words in told(super_(cache=cache), text).remedy


def test_a_token_never_gets_into_what_is_quoted() -> None:
    text = "OSError: [Errno 28] No space left on device: 'https://u:hf_abcdefghijkl0123@h/x?sig=1a'"
    found = told(super_(), text)
    assert "hf_abc" not in found.evidence
    assert "No space left on device" in found.evidence


def test_an_init_container_is_told_too() -> None:
    text = "OSError: [Errno 28] No space left on device"
    assert told(super_(), text, container=INIT).reason is Reason.DISK_FULL


@pytest.mark.parametrize("kind", [specs.GENERATOR, specs.REASONER])
@pytest.mark.parametrize("spec", [{}, {"model": "somebody/else"}, {"huggingFace": TOKEN}])
def test_every_example_has_an_answer_for_every_plan(kind: str, spec: dict[str, Any]) -> None:
    plan = specs.plan(kind, **spec)
    for rule in rules():
        if rule.meaning is Meaning.CAUSE and plan.owner.component in rule.faces:
            code = rule.exit_codes[0] if rule.exit_codes else 1
            found = diagnose(plan, Ended(exit_code=code, termination_message=rule.example))
            if found is None:
                assert rule.when
                continue
            assert found.what
            assert found.remedy.endswith(".")
            assert "  " not in found.what + found.remedy
            assert "{" not in found.what
            assert len(found.evidence) <= 302
