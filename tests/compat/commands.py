"""The commands that are tried: those of the golden cases, and of plans drawn at random.

In: resources and the planner, in this process. Out: for each pod what its server is told, and what
the rest of the pod and the plan claim about it, which the server's own code then confirms or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from compat.ask import Words
from compat.recipes import HERE, Engine
from cosmos3_operator.api.resource import Kind, Resource, parse
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Runtime, Surface
from cosmos3_operator.cli.deployments import read_deployments
from cosmos3_operator.cli.nodes import read_nodes
from cosmos3_operator.cli.render import completed
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.types import Plan

_GOLDEN = HERE.parent / "golden"
_EXAMPLES = HERE.parents[1] / "examples"
_SWITCHES = (
    *("--enable-layerwise-offload", "--enable-cpu-offload"),
    *("--vae-use-tiling", "--vae-use-slicing"),
)

_DOUBT = "spec.runtime.image may differ"
"""How a plan warns of arguments that the catalogued server would stop at, in an unknown image."""

ENGINE_OF: Mapping[Surface, Engine] = {Surface.GENERATOR: "vllm-omni", Surface.REASONER: "vllm"}


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a pod and its plan take for granted about the server."""

    starts: bool = True
    """False: the plan warns that the server does not start."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """By the server's own names: `world_size`, `guardrails` and others."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One server's command line with all that should agree with it."""

    origin: str
    """Where it is from, for people."""
    runtime: Runtime
    surface: Surface
    words: Words
    claims: Claims
    user: tuple[str, ...] = ()
    """The end of the words, if the user wrote it and not the planner."""

    @property
    def emitted(self) -> tuple[str, ...]:
        """The words that the planner wrote."""
        return self.words.args[: len(self.words.args) - len(self.user)]

    @property
    def engine(self) -> Engine:
        """The server that gets the command; a runtime of vLLM-Omni serves a Reasoner by vLLM."""
        return ENGINE_OF[self.surface]


def of_plan(plan: Plan, origin: str) -> Command:
    """Return the command of a plan, as it is rendered."""
    return of_children(plan, render(plan), origin)


def of_children(
    plan: Plan,
    children: Sequence[Mapping[str, Any]],
    origin: str,
    *,
    user: tuple[str, ...] = (),
) -> Command:
    """Return the command in the children of a plan; `user` are the user's own words in it."""
    deployment = next(c for c in children if c["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    server = next(c for c in pod["containers"] if c["name"] == "server")
    runtime = runtime_of(plan)
    return Command(
        origin=origin,
        runtime=runtime,
        surface=Surface.GENERATOR if plan.guardrails else Surface.REASONER,
        words=Words(args=tuple(server["args"]), files=_files(pod, server, children)),
        claims=Claims(
            starts=not any(_DOUBT in warning for warning in plan.warnings),
            values={
                "world_size": int(server["resources"]["limits"][plan.gpu_resource]),
                **_generator_claims(plan),
            },
        ),
        user=user,
    )


def _generator_claims(plan: Plan) -> dict[str, Any]:
    if plan.guardrails is None:
        return {}
    return {
        "tensor_parallel_size": plan.gpus.tensor,
        "cfg_parallel_size": plan.gpus.cfg,
        "ulysses_degree": plan.gpus.ulysses,
        "use_hsdp": plan.gpus.hsdp,
        # The plan has no other word for these than the arguments.
        **{flag.strip("-").replace("-", "_"): flag in plan.args for flag in _SWITCHES},
        "quantization": _value_of("--quantization", plan.args),
        "guardrails": plan.guardrails.enabled,
        "offload_guardrail_models": plan.guardrails.offload_models,
        "robots": plan.robot_endpoint is not None,
    }


def _value_of(flag: str, args: tuple[str, ...]) -> str | None:
    return args[args.index(flag) + 1] if flag in args else None


def runtime_of(plan: Plan) -> Runtime:
    """Return the catalogued runtime that a plan assumes."""
    wanted = (plan.runtime.engine, plan.runtime.name)
    return next(r for r in load().runtimes if (r.engine, r.name) == wanted)


def golden() -> Iterator[Command]:
    """Yield the command of every Deployment in the committed golden files."""
    for manifests in sorted(_GOLDEN.glob("*/manifests.yaml")):
        case = manifests.parent
        children = list(yaml.safe_load_all(manifests.read_text("utf-8")))
        for resource in resources(case):
            own = [c for c in children if _owner(c) == (resource.kind, resource.name)]
            if not any(child["kind"] == "Deployment" for child in own):
                # Of a runtime that the catalog does not know: nothing is rendered for it.
                continue
            yield of_children(
                make_plan(resource, facts_of(case)),
                own,
                f"golden {case.name}",
                user=resource.spec.extra_args,
            )


def resources(case: Path) -> Iterator[Resource]:
    """Yield the resources of a golden case that can be served."""
    own = case / "cr.yaml"
    source = own if own.exists() else _EXAMPLES / f"{case.name}.yaml"
    for body in yaml.safe_load_all(source.read_text("utf-8")):
        if body["kind"] in tuple(Kind):
            yield parse(completed(body, namespace=None))


def facts_of(case: Path) -> Facts:
    """Return what a golden case was planned with: the runtime follows it."""
    nodes, live = case / "facts.yaml", case / "deployment.yaml"
    facts = read_nodes(nodes) if nodes.exists() else Facts()
    deployments = read_deployments(live if live.exists() else None)
    return replace(facts, deployment=next(iter(deployments.values()), None))


def _owner(child: Mapping[str, Any]) -> tuple[str, str] | None:
    for reference in child["metadata"].get("ownerReferences", ()):
        return reference["kind"], reference["name"]
    return None


def _files(
    pod: Mapping[str, Any], server: Mapping[str, Any], children: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Return the text of every file that the children's ConfigMaps put into the container."""
    maps = {c["metadata"]["name"]: c["data"] for c in children if c["kind"] == "ConfigMap"}
    volumes = {
        volume["name"]: maps[volume["configMap"]["name"]]
        for volume in pod["volumes"]
        if volume.get("configMap", {}).get("name") in maps
    }
    return {
        f"{mount['mountPath']}/{name}": text
        for mount in server["volumeMounts"]
        for name, text in volumes.get(mount["name"], {}).items()
    }
