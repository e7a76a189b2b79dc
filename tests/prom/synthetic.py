"""A day in a fleet's life, as series: realistic enough to show every panel of the dashboards.

In: nothing but arithmetic and a seeded generator. Out: OpenMetrics text with moments, of which
promtool makes blocks. Three namespaces: `robotics` makes videos, `vision` asks Reasoners, and in
`lab` things go wrong.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Shape = Callable[[float], float]
"""From the share of the time that has passed, 0 to 1, to a value, or to a rate."""
Labels = Mapping[str, str]

OPERATOR = {"job": "cosmos3-operator", "namespace": "cosmos3-system", "instance": "10.0.0.5:8080"}
BOUNDS = (1, 2.5, 5, 10, 20, 40, 80)
START_BOUNDS = (30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series: a gauge's shape, or a counter's rate in a second."""

    name: str
    labels: Labels
    shape: Shape
    counts: bool = False


def text(series: Sequence[Series], *, begin: int, end: int, step: int) -> Iterator[str]:
    """Write every series, one sample each `step` seconds."""
    for one in series:
        inside = ",".join(f'{key}="{value}"' for key, value in one.labels.items())
        total = 0.0
        for moment in range(begin, end + 1, step):
            value = one.shape((moment - begin) / (end - begin))
            total += value * step
            yield f"{one.name}{{{inside}}} {total if one.counts else value:.12g} {moment}\n"
    yield "# EOF\n"


def fleet(begin: int) -> list[Series]:
    """Return all of them, of servers that were born an hour before the beginning."""
    born = begin - 3600.0
    return [
        *_operator(),
        *_resources(),
        *_startups(),
        *_reasoner("vision", "eye", load=6.0, born=born),
        *_reasoner("lab", "probe", load=0.6, born=born),
        *_generator("robotics", "super", seconds=95.0, born=born),
        *_generator("robotics", "nano", seconds=30.0, born=born),
        *_old_generator("lab", "july", born=born),
    ]


def _flat(value: float) -> Shape:
    return lambda _: value


def _day(low: float, high: float, seed: int) -> Shape:
    """Quiet at both ends, busy in the middle, never twice the same, and the same if asked again."""

    def shape(x: float) -> float:
        noise = random.Random(f"{seed} {x:.6f}").uniform(0.85, 1.15)
        return (low + (high - low) * math.sin(math.pi * x) ** 2) * noise

    return shape


def _between(begin: float, end: float, value: float = 1.0, other: float = 0.0) -> Shape:
    return lambda x: value if begin <= x < end else other


def _gauge(name: str, labels: Labels, shape: Shape | float) -> Series:
    return Series(name=name, labels=labels, shape=shape if callable(shape) else _flat(shape))


def _count(name: str, labels: Labels, rate: Shape | float) -> Series:
    shape = rate if callable(rate) else _flat(rate)
    return Series(name=name, labels=labels, shape=shape, counts=True)


def _histogram(
    name: str, labels: Labels, rate: Shape, mean: float, bounds: Sequence[float]
) -> Iterator[Series]:
    """Spread the observations as if their durations were drawn around a mean."""

    def share(bound: float) -> float:
        return 1 - math.exp(-((bound / mean) ** 2) * math.log(2))

    for bound in bounds:
        part = share(bound)
        yield _count(
            f"{name}_bucket",
            {**labels, "le": f"{bound:g}"},
            lambda x, part=part: rate(x) * part,  # type: ignore[misc]
        )
    yield _count(f"{name}_bucket", {**labels, "le": "+Inf"}, rate)
    yield _count(f"{name}_count", labels, rate)
    yield _count(f"{name}_sum", labels, lambda x: rate(x) * mean)


def _operator() -> Iterator[Series]:
    busy = _day(0.05, 1.2, 1)
    yield _gauge("cosmos3_operator_build_info", {**OPERATOR, "version": "0.1.0"}, 1)
    yield _gauge("cosmos3_operator_ready", OPERATOR, 1)
    for name, value in (("cosmos3-operator", 1.0),):
        yield _gauge("leader_election_master_status", {**OPERATOR, "name": name}, value)
    for resource in ("cosmosgenerators", "cosmosreasoners", "deployments", "pods"):
        labels = {**OPERATOR, "resource": resource}
        down = _between(0.62, 0.64) if resource == "pods" else _flat(0)
        yield _gauge("cosmos3_operator_watch_up", labels, lambda x, down=down: 1 - down(x))
        yield _gauge(
            "cosmos3_operator_watch_down_seconds",
            labels,
            lambda x, down=down: 86400 * (x - 0.62) * down(x),
        )
    for controller in ("cosmosgenerator", "cosmosreasoner"):
        labels = {**OPERATOR, "controller": controller}
        for result, part in (("success", 0.9), ("requeue_after", 0.09), ("error", 0.01)):
            yield _count(
                "controller_runtime_reconcile_total",
                {**labels, "result": result},
                lambda x, part=part: busy(x) * part,
            )
        yield _count("controller_runtime_reconcile_errors_total", labels, lambda x: busy(x) * 0.01)
        yield from _histogram(
            "controller_runtime_reconcile_time_seconds",
            labels,
            busy,
            0.03,
            (0.01, 0.025, 0.05, 0.1, 0.25, 1),
        )
        yield _gauge("controller_runtime_active_workers", labels, lambda x: round(busy(x)))
        yield _gauge("controller_runtime_max_concurrent_reconciles", labels, 32)
    queue = {**OPERATOR, "name": "cosmos3"}
    yield _gauge("workqueue_depth", queue, lambda x: max(0, round(busy(x) * 2 - 1)))
    yield _gauge("workqueue_longest_running_processor_seconds", queue, lambda x: busy(x) * 0.05)
    yield from _histogram(
        "workqueue_queue_duration_seconds", queue, busy, 0.02, (0.01, 0.1, 1, 10, 60)
    )
    yield from _histogram("workqueue_work_duration_seconds", queue, busy, 0.03, (0.01, 0.1, 1, 10))
    for code, part in (("200", 0.93), ("404", 0.03), ("409", 0.03), ("503", 0.01)):
        yield _count(
            "rest_client_requests_total",
            {**OPERATOR, "code": code, "method": "PATCH", "host": "10.96.0.1:443"},
            lambda x, part=part: busy(x) * 3 * part,
        )
    for verb in ("GET", "PATCH"):
        yield from _histogram(
            "rest_client_request_duration_seconds",
            {**OPERATOR, "verb": verb, "host": "10.96.0.1:443"},
            busy,
            0.008 if verb == "GET" else 0.02,
            (0.005, 0.01, 0.025, 0.1, 1),
        )
    yield _gauge("process_resident_memory_bytes", OPERATOR, lambda x: 9.2e7 + 4e6 * min(1, x * 6))
    yield _count("process_cpu_seconds_total", OPERATOR, lambda x: 0.01 + 0.03 * busy(x))
    for what, result in (("log", "ok"), ("events", "ok"), ("log", "forbidden")):
        yield _count(
            "cosmos3_operator_evidence_requests_total",
            {**OPERATOR, "what": what, "result": result},
            _between(0.55, 0.75, 0.01 if result == "ok" else 0.002),
        )
    for kind, reason in (("Normal", "Serving"), ("Warning", "OutOfMemory")):
        yield _count(
            "cosmos3_operator_events_total",
            {**OPERATOR, "type": kind, "reason": reason, "result": "created"},
            _between(0.3, 0.7, 0.0006),
        )


def _resources() -> Iterator[Series]:
    """What the operator counts: seven resources, of which two come and go and one is stuck."""
    sizes = {
        ("CosmosGenerator", "robotics"): (2, 9),
        ("CosmosGenerator", "lab"): (3, 12),
        ("CosmosReasoner", "vision"): (1, 4),
        ("CosmosReasoner", "lab"): (1, 1),
    }
    for (kind, namespace), (number, gpus) in sizes.items():
        one = {**OPERATOR, "kind": kind, "namespace": namespace}
        stuck = _stuck(kind, namespace)
        yield _gauge("cosmos3_operator_resources", one, number)
        yield _gauge("cosmos3_operator_replicas_wanted", one, number)
        yield _gauge(
            "cosmos3_operator_replicas_ready",
            one,
            lambda x, n=number, s=stuck: n - sum(shape(x) for shape in s.values()),
        )
        gpu = {**one, "resource": "nvidia.com/gpu"}
        yield _gauge("cosmos3_operator_gpus_requested", gpu, gpus)
        waits = stuck.get("InsufficientGPUs", _flat(0))
        yield _gauge(
            "cosmos3_operator_gpus_allocated", gpu, lambda x, g=gpus, w=waits: g - 4 * w(x)
        )
        yield from _conditions(one, number, stuck)


def _stuck(kind: str, namespace: str) -> dict[str, Shape]:
    if (kind, namespace) == ("CosmosGenerator", "lab"):
        return {"OutOfMemory": _between(0.6, 1.1), "InsufficientGPUs": _between(0.8, 1.1)}
    if (kind, namespace) == ("CosmosGenerator", "robotics"):
        return {"Starting": _between(0.3, 0.36), "RollingOut": _between(0.28, 0.3)}
    if (kind, namespace) == ("CosmosReasoner", "vision"):
        return {"Starting": _between(0.45, 0.47)}
    return {}


def _conditions(one: Labels, number: int, stuck: Mapping[str, Shape]) -> Iterator[Series]:
    name = "cosmos3_operator_resource_conditions"

    def labels(condition: str, status: str, reason: str) -> Labels:
        return {**one, "condition": condition, "status": status, "reason": reason}

    yield _gauge(
        name,
        labels("Ready", "True", "Serving"),
        lambda x: number - sum(shape(x) for shape in stuck.values()),
    )
    for reason, shape in stuck.items():
        yield _gauge(name, labels("Ready", "False", reason), shape)
        since = next(step / 1000 for step in range(1000) if shape(step / 1000))
        yield _gauge(
            "cosmos3_operator_not_ready_seconds",
            {**one, "reason": reason},
            lambda x, shape=shape, since=since: 86400 * (x - since) * shape(x),
        )
        yield _count(
            "cosmos3_operator_transitions_total",
            {**one, "condition": "Ready", "status": "False", "reason": reason},
            _between(since, since + 0.02, 0.002),
        )
    yield _count(
        "cosmos3_operator_transitions_total",
        {**one, "condition": "Ready", "status": "True", "reason": "Serving"},
        _between(0.36, 0.38, 0.002),
    )
    if "OutOfMemory" in stuck:
        yield _gauge(name, labels("Stalled", "True", "OutOfMemory"), stuck["OutOfMemory"])
    if one["kind"] == "CosmosGenerator":
        off = 1 if one["namespace"] == "lab" else 0
        yield _gauge(name, labels("GuardrailsInForce", "False", "Disabled"), off)
        yield _gauge(name, labels("GuardrailsInForce", "True", "Enabled"), number - off)


def _startups() -> Iterator[Series]:
    for kind, mean in (("CosmosGenerator", 900.0), ("CosmosReasoner", 240.0)):
        waves = [_between(at, at + 0.03, 0.004) for at in (0.1, 0.36, 0.47, 0.7, 0.88)]
        yield from _histogram(
            "cosmos3_operator_startup_seconds",
            {**OPERATOR, "kind": kind},
            lambda x, waves=waves: sum(wave(x) for wave in waves),
            mean,
            START_BOUNDS,
        )


def _pod(namespace: str, name: str, kind: str) -> dict[str, str]:
    return {
        "job": f"{namespace}/cosmos3-servers",
        "namespace": namespace,
        "pod": f"{name}-{kind.removeprefix('Cosmos').lower()}-7d9f-x2x4k",
        "instance": f"10.1.{len(name)}.{len(namespace)}:8000",
        "cosmos_kind": kind,
        "cosmos_name": name,
    }


def _server(pod: Labels, born: float) -> Iterator[Series]:
    yield _gauge("up", pod, 1)
    again = _between(0.7, 1.1) if pod["cosmos_name"] == "nano" else _flat(0)
    yield _gauge("process_start_time_seconds", pod, lambda x: born + 64000 * again(x))
    yield _gauge("process_resident_memory_bytes", pod, 3.1e9)


def _http(pod: Labels, handler: str, method: str, status: str, rate: Shape) -> Series:
    labels = {**pod, "handler": handler, "method": method, "status": status}
    return _count("http_requests_total", labels, rate)


def _reasoner(namespace: str, name: str, *, load: float, born: float) -> Iterator[Series]:
    pod = _pod(namespace, name, "CosmosReasoner")
    one = {**pod, "engine": "0", "model_name": "nvidia/Cosmos3-Super"}
    rate = _day(0.05 * load, load, 2)
    yield from _server(pod, born)
    yield _gauge("vllm:num_requests_running", one, lambda x: round(min(32, rate(x) * 4)))
    yield _gauge("vllm:num_requests_waiting", one, lambda x: round(max(0, rate(x) * 4 - 18)))
    yield _gauge("vllm:kv_cache_usage_perc", one, lambda x: min(1, rate(x) / load * 0.93))
    for metric, mean in (
        ("time_to_first_token_seconds", 1.8),
        ("e2e_request_latency_seconds", 9.0),
        ("request_queue_time_seconds", 0.4),
    ):
        yield from _histogram(f"vllm:{metric}", one, rate, mean, BOUNDS)
    tokens = "vllm:inter_token_latency_seconds"
    yield from _histogram(tokens, one, lambda x: rate(x) * 200, 0.018, (0.01, 0.025, 0.05, 0.1))
    for metric, each in (
        ("prompt_tokens_total", 2400.0),
        ("generation_tokens_total", 220.0),
        ("num_preemptions_total", 0.02),
        ("prefix_cache_queries_total", 2400.0),
        ("prefix_cache_hits_total", 800.0),
        ("mm_cache_queries_total", 1.0),
        ("mm_cache_hits_total", 0.3),
    ):
        yield _count(f"vllm:{metric}", one, lambda x, each=each: rate(x) * each)
    for reason, part in (("stop", 0.8), ("length", 0.15), ("abort", 0.04), ("error", 0.01)):
        labels = {**one, "finished_reason": reason}
        yield _count("vllm:request_success_total", labels, lambda x, p=part: rate(x) * p)
    for status, part in (("2xx", 0.95), ("4xx", 0.04), ("5xx", 0.01)):
        yield _http(pod, "/v1/chat/completions", "POST", status, lambda x, p=part: rate(x) * p)


def _generator(namespace: str, name: str, *, seconds: float, born: float) -> Iterator[Series]:
    """One of vLLM-Omni 0.28 or newer, with everything that a recorded server of 0.30 has."""
    pod = _pod(namespace, name, "CosmosGenerator")
    one = {**pod, "model_name": f"nvidia/Cosmos3-{name.title()}"}
    rate = _day(0.1 / seconds, 1 / seconds, 3)
    yield from _server(pod, born)
    yield _gauge("vllm_omni:num_requests_running", one, lambda x: min(1, round(rate(x) * seconds)))
    yield _gauge("vllm_omni:num_requests_waiting", one, lambda x: round(3 * rate(x) * seconds) // 2)
    stage = {**one, "stage": "0"}
    for metric, mean, labels in (
        ("e2e_request_latency_s", seconds * 1.6, one),
        ("request_queue_wait_s", 0.01, one),
        ("stage_in_queue_s", seconds * 0.6, stage),
        ("diffusion_exec_per_step_s", seconds / 35, {**stage, "replica": "0"}),
        ("num_inference_steps", 34.0, one),
    ):
        yield from _histogram(f"vllm_omni:{metric}", labels, rate, mean, (1, 10, 60, 300))
    yield _gauge("vllm_omni:peak_memory_mb", stage, 61_000 if name == "super" else 31_000)
    success = {**one, "finished_reason": "stop"}
    yield _count("vllm_omni:requests_success_total", success, rate)
    failed = {**one, "reason": "stage_error"}
    yield _count("vllm_omni:requests_failed_total", failed, lambda x: rate(x) * 0.06)
    yield _http(pod, "/v1/videos", "POST", "2xx", lambda x: rate(x) * 0.8)
    yield _http(pod, "/v1/images/generations", "POST", "2xx", lambda x: rate(x) * 0.2)
    yield _http(pod, "/v1/videos/{video_id}", "GET", "4xx", lambda x: rate(x) * 0.05)
    yield _http(pod, "/v1/videos/sync", "POST", "4xx", lambda x: rate(x) * 0.02)
    fails = _between(0.55, 0.65, 1.0)
    yield _http(pod, "/v1/videos/{video_id}", "GET", "5xx", lambda x: rate(x) * 0.2 * fails(x))


def _old_generator(namespace: str, name: str, *, born: float) -> Iterator[Series]:
    """One of vLLM-Omni 0.22: another prefix, few metrics, gauges that come late."""
    pod = _pod(namespace, name, "CosmosGenerator")
    one = {**pod, "model_name": "nvidia/Cosmos3-Nano"}
    rate = _between(0.2, 0.9, 1 / 200)
    yield from _server(pod, born)
    yield _gauge("vllm:omni_num_requests_running", one, 0)
    yield _gauge("vllm:omni_num_requests_waiting", one, 0)
    yield from _histogram("vllm:omni_e2e_request_latency_s", one, rate, 120.0, (60, 300))
    yield _count("vllm:omni_requests_success_total", {**one, "finished_reason": "stop"}, rate)
    yield _http(pod, "/v1/videos", "POST", "2xx", rate)
    yield _http(pod, "/v1/videos/sync", "POST", "5xx", _between(0.5, 0.6, 1 / 900))
