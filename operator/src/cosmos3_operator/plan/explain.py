"""A plan in words: what would run, on how many GPUs, and why.

In: a plan. Out: plain text for people, at most 100 columns, every figure with where it is from.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from cosmos3_operator.catalog.load import load
from cosmos3_operator.plan.devices import VENDOR
from cosmos3_operator.plan.paths import SHM
from cosmos3_operator.plan.types import CacheKind, EnvVar, Plan, Verdict

WIDTH = 100
_INDENT = 14


def explain(plan: Plan) -> str:
    """Return the plan as text."""
    sections = (
        ("GPUs", _gpus(plan)),
        ("GPU memory", _gpu_memory(plan)),
        ("Nodes", _nodes(plan)),
        ("Runtime", _runtime(plan)),
        ("Preflight", _preflight(plan)),
        ("Guardrails", _guardrails(plan)),
        ("Access", _access(plan)),
        ("Cache", _cache(plan)),
        ("Host memory", _host_memory(plan)),
        ("Start-up", _startup(plan)),
        ("Stop", _stop(plan)),
        ("Rollout", _rollout(plan)),
        ("Secrets", _secrets(plan)),
        ("Endpoint", _endpoint(plan)),
    )
    lines = [*_head(plan), ""]
    for title, texts in sections:
        lines += _section(title, texts)
    lines += ["", "Command", *_command(plan)]
    lines += ["", *_warnings(plan)]
    return "\n".join(lines)


def _head(plan: Plan) -> Iterator[str]:
    owner = plan.owner
    yield f"{owner.kind} {owner.namespace}/{owner.name}"
    yield f"{plan.model}: {plan.checkpoint or 'not in the catalog, so most figures are guesses'}"


def _gpus(plan: Plan) -> Iterator[str]:
    size, replicas = plan.gpus.world_size, plan.replicas
    yield plan.gpus.arithmetic
    yield f"why: {plan.gpus.reason}"
    each = f"{size} × {plan.gpu_resource} on one node"
    if replicas == 1:
        yield f"1 replica: {each}"
    else:
        yield f"{replicas} replicas, each {each}: {size * replicas} GPUs in all"
    if plan.gpu_products:
        yield f"only on {' or '.join(plan.gpu_products)}"
    if plan.gpu_min_memory_mib:
        yield f"only on GPUs of at least {plan.gpu_min_memory_mib} MiB"


def _gpu_memory(plan: Plan) -> Iterator[str]:
    yield plan.memory.reason
    if plan.guardrails and plan.guardrails.enabled:
        yield "guardrails add to it on one GPU; how much is not published"
    if plan.memory.needed_gib:
        yield from _judged(plan.memory.needed_gib / plan.memory.usable_share)


def _judged(needed_gib: float) -> Iterator[str]:
    large = [g for g in load().gpus if g.memory_mib >= needed_gib * 1024]
    small = [g for g in load().gpus if g.memory_mib < needed_gib * 1024]
    if large:
        least = min(large, key=lambda g: g.memory_mib)
        yield f"enough: {least.product} ({least.memory_mib / 1024:.1f} GiB) and larger"
    if small:
        most = max(small, key=lambda g: g.memory_mib)
        yield f"too small: {most.product} ({most.memory_mib / 1024:.1f} GiB) and smaller"


def _nodes(plan: Plan) -> Iterator[str]:
    words = {
        Verdict.FITS: "one replica fits a node of this cluster",
        Verdict.UNKNOWN: "not known here; give --nodes to see whether it fits",
    }
    yield words.get(plan.placement.verdict) or f"does not fit: {plan.placement.message}"
    if plan.placement.left_out:
        yield f"too old for it: {plan.placement.left_out}"


def _runtime(plan: Plan) -> Iterator[str]:
    runtime = plan.runtime
    cuda = f", CUDA {runtime.cuda}" if runtime.cuda else ""
    plugin = ", with the vllm-cosmos3 plugin" if runtime.plugin else ""
    yield f"{runtime.label}{cuda}{plugin} ({runtime.reason})"
    yield runtime.image
    if not runtime.is_known:
        yield "not in the catalog: left as it is, and what depends on its version is not known here"
    if not runtime.cuda:
        yield (
            "CUDA version of this image not known: no node is ruled out by its driver; "
            "spec.runtime.cuda does it"
        )
    elif runtime.cuda_pinned:
        yield f"only on nodes whose driver supports CUDA {runtime.cuda}"
    else:
        yield (
            f"CUDA {runtime.cuda}: {runtime.cuda_reason}; kept off nodes labelled with an older "
            "driver"
        )
    for assumption in runtime.assumptions:
        yield f"assumed: {assumption}"


def _preflight(plan: Plan) -> Iterator[str]:
    if plan.devices is None:
        yield f"the pod does not look at its GPUs first ({_why_not(plan)})"
        return
    least, cuda = plan.devices.min_compute_capability, plan.devices.cuda
    yield "the pod looks at its GPUs first: " + ", ".join(
        [
            f"{plan.gpus.world_size} of them",
            *([f"compute capability {least} or higher"] if least else []),
            f"a driver for {f'CUDA {cuda}' if cuda else 'the CUDA of the image'}",
            f"{SHM} of {plan.shm_gib}Gi",
            "a cache that can be written",
        ]
    )


def _why_not(plan: Plan) -> str:
    if plan.gpu_resource.startswith(VENDOR):
        return "spec.preflight.devices"
    return f"{plan.gpu_resource} is not a resource of NVIDIA"


def _guardrails(plan: Plan) -> Iterator[str]:
    if plan.guardrails is None:
        return
    yield str(plan.guardrails)
    if plan.guardrails.offload_models:
        yield "their models wait in host memory between requests"


def _access(plan: Plan) -> Iterator[str]:
    access = plan.access
    if access is None:
        return
    names = ", ".join(map(str, access.repositories))
    if not access.image:
        yield f"not checked without --preflight-image: {names}"
        return
    waits = "the pods wait for the answer" if access.required else "the pods do not wait"
    yield f"a Job asks the hub for {names}; {waits}"
    yield access.image


def _cache(plan: Plan) -> Iterator[str]:
    cache = plan.cache
    if cache.kind is CacheKind.EXISTING_CLAIM:
        yield f"your claim {cache.claim_name}, mounted at /cache; nothing is made or deleted"
    elif cache.kind is CacheKind.CLAIM:
        storage = cache.storage_class_name or "the default storage class"
        end = "stays when the resource goes" if cache.retain else "goes with the resource"
        yield f"claim {cache.claim_name} of {cache.size}, {cache.access_mode}, {storage}; it {end}"
    else:
        limit = f" of at most {cache.size}" if cache.size else ""
        yield f"emptyDir{limit} on the node's disk; every new pod downloads again"


def _host_memory(plan: Plan) -> Iterator[str]:
    limit = f"limit {plan.memory_limit}" if plan.memory_limit else "no limit"
    yield f"request {plan.memory_request}, {limit}; /dev/shm may take {plan.shm_gib}Gi of it"
    yield f"why: {plan.memory_reason}"


def _startup(plan: Plan) -> Iterator[str]:
    yield f"at most {_duration(plan.startup.budget_seconds)} until healthy, else a restart"
    yield f"why: {plan.startup.reason}"


def _stop(plan: Plan) -> Iterator[str]:
    drain, grace = plan.drain.drain_seconds, plan.drain.grace_seconds
    yield f"running work may finish for {_duration(drain)}; killed after {_duration(grace)}"
    if plan.guardrails is not None and plan.drain.gauges:
        yield "waited for: video jobs and every other request"
    elif plan.guardrails is not None:
        yield "waited for: video jobs; of other requests this version does not tell in time"
    yield f"why: {plan.drain.reason}"


def _rollout(plan: Plan) -> Iterator[str]:
    if plan.max_surge:
        yield f"up to {plan.max_surge} extra replica(s) first, which need free GPUs of their own"
    elif plan.replicas > 1:
        yield "one replica after the other: the old one frees its GPUs, then the new one starts"
    else:
        yield "the old pod frees its GPUs, then the new one starts: not served meanwhile"


def _secrets(plan: Plan) -> Iterator[str]:
    for var in plan.env:
        if var.secret is not None:
            yield _reference(var)


def _reference(var: EnvVar) -> str:
    secret = var.secret
    return f"{var.name} from key {secret.key} of Secret {secret.name}" if secret else var.name


def _endpoint(plan: Plan) -> Iterator[str]:
    yield plan.endpoint
    if plan.robot_endpoint:
        yield f"robots (OpenPI): {plan.robot_endpoint}"
    if plan.served_model_name != plan.model:
        yield f"model name in requests: {plan.served_model_name}"


def _command(plan: Plan) -> Iterator[str]:
    """Yield the command line, one flag with its values on each line."""
    if not plan.runtime.is_known:
        yield "  as in the Deployment"
        return
    words = ["  vllm serve"]
    for index, word in enumerate(plan.args):
        if index and word.startswith("-"):
            yield " ".join(words) + " \\"
            words = ["   "]
        words.append(_quoted(word))
    yield " ".join(words)


def _quoted(word: str) -> str:
    return word if all(c.isalnum() or c in "-_./:=,@" for c in word) else f"'{word}'"


def _warnings(plan: Plan) -> Iterator[str]:
    if not plan.warnings:
        yield "No warnings"
        return
    yield f"{len(plan.warnings)} warning{'' if len(plan.warnings) == 1 else 's'}"
    for warning in plan.warnings:
        yield from textwrap.wrap(
            warning,
            WIDTH,
            initial_indent="  ! ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _section(title: str, texts: Iterable[str]) -> Iterator[str]:
    for index, text in enumerate(texts):
        label = title if index == 0 else ""
        yield from textwrap.wrap(
            text,
            WIDTH,
            initial_indent=f"{label:<{_INDENT}}",
            subsequent_indent=" " * _INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _duration(seconds: int) -> str:
    """Return e.g. `4140 s (1 h 9 min)`."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds} s"
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest)
    return f"{seconds} s ({' '.join(parts)})"
