"""What to do, with the figures of the plan: for rules whose remedy is not the same for everybody.

In: a plan, and what a rule found in the text. Out: sentences that name fields and values. A rule
names one of these functions; what holds for everybody stands in the rule itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from cosmos3_operator.diagnosis import served
from cosmos3_operator.plan.fit import Card, fits, generator_changes, reasoner_changes
from cosmos3_operator.plan.paths import CACHE, PORT, SHM
from cosmos3_operator.plan.types import CacheKind, Plan

_PLUGIN_ARCHITECTURE = "Cosmos3ReasonerForConditionalGeneration"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One failure of one server."""

    plan: Plan
    values: Mapping[str, str] = field(default_factory=dict)
    """What the rule's pattern named."""

    def number(self, name: str) -> float:
        """Return a value as a number, 0 if the text did not tell."""
        value = self.values.get(name) or "0"
        return float(value) if value.replace(".", "", 1).isdecimal() else 0.0


def words_of(plan: Plan) -> Mapping[str, str]:
    """Return what sentences of rules may name."""
    return {
        "model": plan.model,
        "world_size": str(plan.gpus.world_size),
        "ulysses": str(plan.gpus.ulysses),
        "cache": CACHE,
        "port": str(PORT),
        "token_place": served.token_place(plan) or "a Secret, see spec.huggingFace.tokenSecretRef",
    }


def gpu_memory(case: Case) -> str:
    """Say what one GPU needs by the planner's figures, what it has, and what needs less."""
    plan = case.plan
    card = served.card(plan, gib=case.number("total"))
    return " ".join([*_counted(plan, card), _smaller(plan, card)])


def _counted(plan: Plan, card: Card | None) -> Iterator[str]:
    needed = plan.memory.needed_gib
    if needed is None:
        return
    has = f", and it has {card.gib:.1f} GiB" if card else ""
    yield f"The planner counts {needed:.1f} GiB for one GPU{has}."
    if card and fits(plan.memory, card):
        yield (
            "So it should fit: look for something else on the same GPU, or for requests that are "
            "larger than what was measured."
        )


def _smaller(plan: Plan, card: Card | None) -> str:
    """Name what needs less than now and fits the GPU, by the figures of the planner."""
    less = _room(plan, card)
    found = list(_changes(plan, less)) if less else []
    if found:
        return f"By the same figures it takes less with {', or '.join(found)}."
    if plan.memory.needed_gib is None or less is None:
        return f"Set {_general(plan)}, or use larger GPUs (spec.gpu.products)."
    return "Nothing fits this GPU by the same figures: use a larger one (spec.gpu.products)."


def _room(plan: Plan, card: Card | None) -> Card | None:
    """Return a GPU that what runs now does not fit: the real one, or a little less than it needs.

    What failed has been shown not to fit, whatever was counted.
    """
    needed = plan.memory.needed_gib
    if needed is None:
        return None
    below = int(needed / plan.memory.usable_share * 1024) - 1
    if card is None:
        return Card(memory_mib=below, product="")
    return replace(card, memory_mib=min(card.memory_mib, below))


def _changes(plan: Plan, card: Card) -> Iterator[str]:
    known = served.served(plan)
    if known.checkpoint is None:
        return iter(())
    if served.is_generator(plan):
        return generator_changes(served.layout(plan), known, card)
    return reasoner_changes(served.reading(plan), known, card)


def _general(plan: Plan) -> str:
    if not served.is_generator(plan):
        return "a smaller spec.maxModelLength or a larger spec.parallelism.tensor"
    if served.offload(plan) == "None":
        return "spec.offload to Layerwise or a larger spec.parallelism.tensor"
    return "a larger spec.parallelism.tensor"


def kv_cache(case: Case) -> str:
    """Say how long a context may be, from the line itself, or what leaves more memory."""
    longest = int(case.number("longest"))
    more = "or leave more memory for it with a larger spec.parallelism.tensor"
    if longest:
        return f"Set spec.maxModelLength to {longest} or less, {more}."
    card = served.card(case.plan, gib=0.0)
    found = list(_changes(case.plan, card)) if card else []
    if found:
        return f"By the planner's figures it fits with {', or '.join(found)}."
    return f"Set a smaller spec.maxModelLength, {more}."


def host_memory(case: Case) -> str:
    """Say which memory to raise, and what offload has to do with it."""
    plan = case.plan
    if plan.memory_limit is None:
        first = (
            f"Raise spec.pod.resources.requests.memory above {plan.memory_request}, so that the "
            "scheduler keeps as much free"
        )
    else:
        first = f"Raise spec.pod.resources.limits.memory above {plan.memory_limit}"
    why = f" ({plan.memory_reason})" if plan.memory_reason else ""
    without = ""
    if served.offload(plan) != "None":
        without = ", or set spec.offload to None, which needs more GPU memory"
    return f"{first}{why}{without}."


def shm(case: Case) -> str:
    """Say why shared memory is smaller than it was planned."""
    plan = case.plan
    if plan.memory_limit is not None:
        return (
            f"{SHM} is never larger than the memory limit of the pod, here {plan.memory_limit}: "
            f"raise spec.pod.resources.limits.memory well above {plan.shm_gib}Gi, or leave it out."
        )
    return (
        f"The operator gives {SHM} {plan.shm_gib} GiB: look for what shrinks or replaces "
        "memory-backed volumes of pods in this cluster, and whether the node was short of memory."
    )


def devices(case: Case) -> str:
    """Say what a replica's GPUs must be."""
    plan = case.plan
    return (
        f"One replica needs {plan.gpus.world_size} GPUs of its own: time-slicing and MPS hand out "
        "the same one several times, and a process sees only one MIG slice. Use nodes where each "
        f"{plan.gpu_resource} is a whole GPU, or a smaller spec.parallelism."
    )


def driver(case: Case) -> str:
    """Say which image an older driver would do for."""
    runtime = case.plan.runtime
    first = "Update the driver, or choose nodes with a newer one (spec.pod.nodeSelector)"
    older = [line for line in runtime.cuda_offered if line < runtime.cuda]
    if older:
        return f'{first}, or set spec.runtime.cuda to "{max(older)}", which there is an image for.'
    return f"{first}, or name an image for an older CUDA in spec.runtime.image."


def capability(case: Case) -> str:
    """Say which GPUs would do."""
    lowest = case.plan.gpu_compute_capability
    least = f" of compute capability {lowest} or higher" if lowest else ""
    return (
        f"Choose other GPUs{least} with spec.gpu.products; the image is {case.plan.runtime.image}."
    )


def nccl(case: Case) -> str:
    """Say where to look when GPUs cannot talk to each other."""
    one = case.plan.gpus.world_size == 1
    return (
        "Look at the node first: nvidia-smi, Xid in the kernel's log, nvidia-fabricmanager where "
        "there are NVSwitches. Set NCCL_DEBUG to INFO in spec.pod.env, and it says more"
        + ("." if one else "; NCCL_P2P_DISABLE set to 1 leads around links that do not work.")
    )


def architecture(case: Case) -> str:
    """Say which server knows the architecture."""
    runtime = case.plan.runtime
    if case.values.get("architecture") == _PLUGIN_ARCHITECTURE:
        return (
            "That name is of the vllm-cosmos3 plugin: this image does not have it, or is a vLLM "
            "from 0.23.0 on, which serves Cosmos 3 without it. Use a version from 0.23.0 on "
            "(spec.runtime.version) and leave --hf-overrides out of spec.extraArgs."
        )
    label = runtime.label
    this = f"{runtime.image} was taken for {label}" if runtime.own_build else f"This is {label}"
    return (
        f"{this}. Cosmos 3 is served from vLLM 0.23.0 on, Cosmos3-Edge from 0.26.0 on: choose "
        "another spec.runtime.version, or another image in spec.runtime.image."
    )


def token(case: Case) -> str:
    """Say where a token belongs."""
    place = served.token_place(case.plan)
    first = (
        f"Put a valid token into {place} and delete the pod"
        if place
        else "Put a token into a Secret and name it in spec.huggingFace.tokenSecretRef"
    )
    return f"{first}; its account must have accepted the terms of {_page(case)}.{_guardrails(case)}"


def licence(case: Case) -> str:
    """Say who must accept what."""
    place = served.token_place(case.plan)
    whose = f" ({place})" if place else ""
    return (
        f"Sign in to the hub with the account of the token{whose}, open {_page(case)} and accept "
        "the terms; a fine-grained token also needs the permission to read public gated "
        f"repositories.{_guardrails(case)}"
    )


def repository(case: Case) -> str:
    """Say how a repository that is not shown could be had."""
    mine = case.values.get("repository") == case.plan.model
    first = "Correct spec.model, or have" if mine else "Have"
    place = served.token_place(case.plan)
    whose = f"the account of the token ({place})" if place else "an account"
    then = "" if place else ", and name its token in spec.huggingFace.tokenSecretRef"
    return f"{first} {whose} admitted to {_page(case)}{then}."


def _page(case: Case) -> str:
    return f"https://huggingface.co/{case.values.get('repository') or case.plan.model}"


def _guardrails(case: Case) -> str:
    """Say that a repository is of the guardrails, which can be left off."""
    if (
        case.values.get("repository")
        not in served.served(case.plan).catalog.guardrails.repositories
    ):
        return ""
    return " It is loaded for the guardrails: without them (spec.guardrails.mode) it is not needed."


def hub(case: Case) -> str:
    """Say how the way to the hub is opened, or made superfluous."""
    return (
        "Open the way from this namespace to the hub (DNS and HTTPS), name a mirror or a proxy in "
        "spec.pod.env (HF_ENDPOINT, HTTPS_PROXY), or fill a claim beforehand (spec.cache) and set "
        "spec.huggingFace.offline."
    )


def offline(case: Case) -> str:
    """Say what is missing in the cache, and who forbids to download it."""
    plan = case.plan
    wanted = case.values.get("repository") or ", ".join(_repositories(plan))
    fill = f"Fill the cache beforehand with {wanted}, in the revision that is asked for"
    if served.is_offline(plan):
        return f"{fill}, or set spec.huggingFace.offline to false.{_guardrails(case)}"
    return f"{fill}, or take HF_HUB_OFFLINE out of the image.{_guardrails(case)}"


def _repositories(plan: Plan) -> tuple[str, ...]:
    if plan.guardrails and plan.guardrails.enabled:
        return (plan.model, *served.served(plan).catalog.guardrails.repositories)
    return (plan.model,)


def disk(case: Case) -> str:
    """Say which volume to enlarge."""
    cache = case.plan.cache
    now = f" (now {cache.size})" if cache.size else ""
    if cache.kind is CacheKind.EMPTY_DIR:
        return (
            f"If it is the cache ({CACHE}), raise spec.cache.size{now} or keep the weights on a "
            "claim; the node's own disk must have as much."
        )
    if cache.kind is CacheKind.CLAIM:
        return f"If it is the cache ({CACHE}), raise spec.cache.size{now}, or delete old revisions."
    return f"Enlarge the claim {cache.claim_name}, or delete what is not needed on it."


def permission(case: Case) -> str:
    """Say how a folder becomes writable."""
    return (
        "Set spec.pod.securityContext.fsGroup to a group of the server, or correct the volume's "
        f"permissions. All folders that the operator names are below {CACHE}."
    )


def service_link(case: Case) -> str:
    """Say where such a variable can come from."""
    return (
        "The operator turns service links off, so something else puts it there: spec.pod.env, a "
        "policy that changes pods, or the image. Take it out, or rename the Service."
    )


def init_timeout(case: Case) -> str:
    """Say which budget the server's own limit follows from."""
    startup = case.plan.startup
    return (
        f"The operator tells it {startup.server_timeout_seconds} s, from the start-up budget of "
        f"{startup.budget_seconds} s: raise spec.startupBudgetSeconds, keep weights on a claim "
        "(spec.cache), and leave limits of time out of spec.extraArgs and spec.pod.env."
    )


def crash(case: Case) -> str:
    """Say where to look for a process that said nothing."""
    return (
        "The kernel's log of the node tells of memory (oom-kill) and GPUs (Xid). If it repeats "
        "with the same request, try another spec.runtime.version."
    )


ADVICE: Mapping[str, Callable[[Case], str]] = {
    function.__name__: function
    for function in (
        gpu_memory,
        kv_cache,
        host_memory,
        shm,
        devices,
        driver,
        capability,
        nccl,
        architecture,
        token,
        licence,
        repository,
        hub,
        offline,
        disk,
        permission,
        service_link,
        init_timeout,
        crash,
    )
}
"""By the name that rules use."""
