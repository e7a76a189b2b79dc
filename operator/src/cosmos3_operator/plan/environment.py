"""The environment of the server.

In: the spec and the runtime. Out: variables in a stable order, the user's own last. Every cache
folder is named, because images differ in their defaults and most of those are not writable.
Secrets are referred to, never read.
"""

from __future__ import annotations

from collections.abc import Iterator

from cosmos3_operator.api.common import ServingSpec
from cosmos3_operator.api.pod import EnvVar as AskedEnvVar
from cosmos3_operator.api.reasoner import CosmosReasonerSpec
from cosmos3_operator.catalog.types import Runtime, Server, Surface
from cosmos3_operator.plan.paths import CACHE, STORAGE
from cosmos3_operator.plan.types import (
    TOKEN,
    DrainPlan,
    EnvVar,
    GuardrailPlan,
    SecretKey,
    StartupPlan,
)

_FOLDERS = {
    "HOME": CACHE,
    "HF_HOME": f"{CACHE}/huggingface",
    "VLLM_CACHE_ROOT": f"{CACHE}/vllm",
    "VLLM_CONFIG_ROOT": f"{CACHE}/vllm-config",
    "TORCHINDUCTOR_CACHE_DIR": f"{CACHE}/torchinductor",
    "TRITON_CACHE_DIR": f"{CACHE}/triton",
    "XDG_CACHE_HOME": f"{CACHE}/xdg",
    "CUDA_CACHE_PATH": f"{CACHE}/cuda",
    "NUMBA_CACHE_DIR": f"{CACHE}/numba",
}

_CONSTANTS = {
    # torch looks up the user's name, and a numeric user has no passwd entry.
    "USER": "cosmos",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}

MIN_SYNC_TIMEOUT_SECONDS = 600
"""vLLM-Omni's own default for synchronous video requests."""


def generator_environment(
    spec: ServingSpec,
    *,
    runtime: Runtime,
    guardrails: GuardrailPlan,
    startup: StartupPlan,
    drain: DrainPlan,
) -> tuple[EnvVar, ...]:
    """Return the environment of vLLM-Omni."""
    sync = max(MIN_SYNC_TIMEOUT_SECONDS, drain.drain_seconds)
    own = {
        "VLLM_OMNI_SERVER_STORAGE__PATH": STORAGE,
        "VLLM_OMNI_VIDEO_SYNC_TIMEOUT": str(sync),
        **_init_timeout(runtime.serving[Surface.GENERATOR], startup),
        **runtime.env,
        **(runtime.guardrails_env if guardrails.enabled else {}),
    }
    return tuple(_all(spec, own))


def reasoner_environment(
    spec: CosmosReasonerSpec, *, runtime: Runtime, startup: StartupPlan
) -> tuple[EnvVar, ...]:
    """Return the environment of vLLM."""
    own = {**_init_timeout(runtime.serving[Surface.REASONER], startup), **runtime.env}
    if spec.allowed_media_domains:
        # A redirect would lead around the list of hosts.
        own["VLLM_MEDIA_URL_ALLOW_REDIRECTS"] = "0"
    return tuple(_all(spec, own))


def _init_timeout(server: Server, startup: StartupPlan) -> dict[str, str]:
    told = {server.init_timeout: str(startup.server_timeout_seconds)}
    return {} if server.is_told_by_flag else told


def hub_environment(spec: ServingSpec) -> tuple[EnvVar, ...]:
    """Return what the hub's client goes by: the token, and all variables of the user's own.

    Which of those it honours depends on its version (HF_ENDPOINT, proxies, certificates), so none
    is left out.
    """
    return (*_token(spec), *map(_asked, spec.pod.env))


def _token(spec: ServingSpec) -> Iterator[EnvVar]:
    if ref := spec.hugging_face.token_secret_ref:
        yield EnvVar(name=TOKEN, secret=SecretKey(name=ref.name, key=ref.key))


def _all(spec: ServingSpec, own: dict[str, str]) -> Iterator[EnvVar]:
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    literal = {**_FOLDERS, **_CONSTANTS, **own, **(offline if spec.hugging_face.offline else {})}
    theirs = {var.name for var in spec.pod.env}
    for name, value in literal.items():
        if name not in theirs:
            yield EnvVar(name=name, value=value)
    yield from _token(spec)
    if key := spec.api_key_secret_ref:
        yield EnvVar(name="VLLM_API_KEY", secret=SecretKey(name=key.name, key=key.key))
    yield from map(_asked, spec.pod.env)


def _asked(var: AskedEnvVar) -> EnvVar:
    source = var.value_from
    if source and (ref := source.secret_key_ref):
        return EnvVar(name=var.name, secret=SecretKey(name=ref.name, key=ref.key))
    if source and (item := source.config_map_key_ref):
        return EnvVar(name=var.name, config_map=SecretKey(name=item.name, key=item.key))
    return EnvVar(name=var.name, value=var.value or "")
