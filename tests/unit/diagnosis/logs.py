"""Logs around an example, as servers print them: what comes before, and the noise after the end."""

from __future__ import annotations

import random

from cosmos3_operator.diagnosis.types import Fact, Rule, Scope

BEFORE = (
    "INFO 11-24 10:00:00 [api_server.py:1812] vLLM API server version 0.30.0",
    "INFO 11-24 10:00:00 [utils.py:254] non-default args: {'model': 'nvidia/Cosmos3-Nano'}",
    "Warning: You are sending unauthenticated requests to the HF Hub.",
    "(EngineCore pid=301) INFO 11-24 10:00:03 [core.py:93] Initializing a V1 LLM engine (v0.30.0)",
    "Loading safetensors checkpoint shards:  14% Completed | 1/7 [00:01<00:08,  1.40s/it]",
    "\x1b[36m(Worker_TP0 pid=311)\x1b[0m INFO 11-24 10:00:05 [parallel_state.py:1203] rank 0 in "
    "world size 2 is assigned as DP rank 0, PP rank 0, TP rank 0",
    "(Worker_TP1 pid=312) WARNING 11-24 10:00:05 [custom_all_reduce.py:154] Custom allreduce is "
    "disabled, falling back to NCCL.",
    "[Stage-0] INFO 11-24 10:00:06 [diffusion_engine.py:88] Starting to load model",
    "(Worker_TP0 pid=311) INFO 11-24 10:00:07 [cuda.py:345] Using FLASH_ATTN attention backend",
    "DeepGEMM E8M0 disabled: DeepGEMM not supported on this system.",
    "NET/Plugin: Plugin load returned 2 : libnccl-net.so: cannot open shared object file: No such "
    "file or directory : when loading libnccl-net.so",
)
TRACE = (
    "Traceback (most recent call last):",
    '  File "/usr/local/lib/python3.12/dist-packages/vllm/v1/engine/core.py", line 1101, in run',
    "    engine_core = EngineCoreProc(*args, **kwargs)",
    "                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "    raise RuntimeError(",
)
AFTER = {
    "reasoner": (
        *TRACE,
        "(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. "
        "Failed core proc(s): {'EngineCore': 1}",
        "/usr/lib/python3.12/multiprocessing/resource_tracker.py:254: UserWarning: "
        "resource_tracker: There appear to be 1 leaked shared_memory objects to clean up",
        "  warnings.warn('resource_tracker: There appear to be %d '",
        "",
    ),
    "generator": (
        *TRACE,
        "ERROR 11-24 10:02:12 [multiproc_executor.py:420] Rank 0 scheduler is dead. Please check "
        "if there are relevant logs.",
        "ERROR 11-24 10:02:12 [multiproc_executor.py:422] Exit code: 1",
        *TRACE,
        "EOFError",
        "ERROR 11-24 10:02:13 [omni_engine_base.py:478] [OmniEngine] Orchestrator thread crashed",
        "RuntimeError: Orchestrator initialization failed: ",
        "[rank0]:[W1124 10:02:14.1 ProcessGroupNCCL.cpp:1538] Warning: WARNING: "
        "destroy_process_group() was not called before program exit",
        "",
    ),
}


def realistic(example: str, *, face: str, seed: int = 1) -> str:
    """Put an example into about 400 lines, most of the noise after it."""
    noise = random.Random(seed)
    before = [noise.choice(BEFORE) for _ in range(60)]
    frames = [line for _ in range(64) for line in TRACE]
    return "\n".join([*before, *TRACE, *example.splitlines(), *frames, *AFTER[face]])


def interleaved(example: str, *, face: str) -> str:
    """Mix an example with the lines of another process that fails because of the first one."""
    other = [f"(Worker_TP1 pid=412) {line}" for line in (*TRACE, *TRACE, *TRACE, *TRACE)]
    mixed: list[str] = []
    for number, line in enumerate(example.splitlines()):
        mixed += [f"(Worker_TP0 pid=411) {line}", *other[2 * number : 2 * number + 2]]
    return "\n".join([*BEFORE, *mixed, *other[-3:], *AFTER[face]])


def scope_of(rule: Rule, *, exit_code: int | None = 1) -> Scope:
    """Return a scope in which a rule applies, with the facts that it asks for."""
    facts = {Fact.NO_TOKEN, Fact.ONLINE, Fact.NO_OFFLOAD}
    opposite = {
        Fact.TOKEN: Fact.NO_TOKEN,
        Fact.OFFLINE: Fact.ONLINE,
        Fact.OFFLOAD: Fact.NO_OFFLOAD,
    }
    for fact in rule.when:
        facts.discard(opposite.get(fact, fact))
        facts.add(fact)
    return Scope(
        face=rule.faces[0],
        container=rule.containers[0],
        facts=frozenset(facts),
        exit_code=rule.exit_codes[0] if rule.exit_codes else exit_code,
    )
