"""What the operator puts into a pod, reduced to what runs: the container's own words.

In: a resource, as YAML would have it. Out: `Rendered`, read from the manifests that the operator
would apply, not from its plan: what is tested is what a kubelet would get. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.api.reasoner import CosmosReasonerSpec
from cosmos3_operator.api.resource import Kind, Resource, parse
from cosmos3_operator.cli.render import completed
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.types import Plan
from servers.errors import ServerError

Json = Mapping[str, Any]
Secrets = Mapping[str, Mapping[str, str]]
"""Values by the name of the Secret, then by key."""
MADE_UP = "of-no-value"
"""What every key of a Secret holds that nobody gave: servers on loopback guard nothing."""


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """The server's container."""

    kind: Kind
    engine: str
    version: str
    model: str
    served_model_name: str
    revision: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: Mapping[str, str]
    mounts: tuple[str, ...]
    """Paths in the container that are volumes."""
    files: Mapping[str, str]
    """Texts in the container that come from ConfigMaps, by path."""
    pre_stop: Json
    grace_seconds: int
    port: int


def render_resource(body: Json, *, secrets: Secrets | None = None) -> Rendered:
    """Return what a kubelet would start for a resource.

    Raises ServerError if the operator would refuse it.
    """
    try:
        resource = parse(completed(body, namespace="default"))
        plan = make_plan(resource, Facts())
    except Invalid as error:
        raise ServerError("\n".join(str(found) for found in error.errors)) from error
    return _rendered(resource, plan, render(plan), secrets or {})


def _rendered(
    resource: Resource, plan: Plan, children: Sequence[Json], secrets: Secrets
) -> Rendered:
    deployment = next(child for child in children if child["kind"] == "Deployment")
    configmaps = [child for child in children if child["kind"] == "ConfigMap"]
    pod = deployment["spec"]["template"]["spec"]
    server = next(c for c in pod["containers"] if c["name"] == "server")
    return Rendered(
        kind=resource.kind,
        engine=plan.runtime.engine,
        version=plan.runtime.version,
        model=plan.model,
        served_model_name=plan.served_model_name,
        revision=_revision(resource),
        command=tuple(server["command"]),
        args=tuple(server["args"]),
        env=dict(_env(server["env"], secrets)),
        mounts=tuple(mount["mountPath"] for mount in server["volumeMounts"]),
        files=_files(pod, server, configmaps),
        pre_stop=server["lifecycle"]["preStop"],
        grace_seconds=pod["terminationGracePeriodSeconds"],
        port=server["ports"][0]["containerPort"],
    )


def _revision(resource: Resource) -> str:
    spec = resource.spec
    asked = spec.revision if isinstance(spec, CosmosReasonerSpec) else None
    return asked or "main"


def _env(variables: Iterable[Json], secrets: Secrets) -> Iterable[tuple[str, str]]:
    for variable in variables:
        if "value" in variable:
            yield variable["name"], variable["value"]
        elif reference := variable["valueFrom"].get("secretKeyRef"):
            given = secrets.get(reference["name"], {})
            yield variable["name"], given.get(reference["key"], MADE_UP)
        else:
            raise ServerError(
                f"{variable['name']} comes from a ConfigMap that is not there: write its value "
                "into the resource"
            )


def _files(pod: Json, server: Json, configmaps: Iterable[Json]) -> dict[str, str]:
    """Return the files of the operator's own ConfigMaps at the paths where they are mounted."""
    data = {child["metadata"]["name"]: child["data"] for child in configmaps}
    volumes = {v["name"]: v["configMap"]["name"] for v in pod["volumes"] if "configMap" in v}
    return {
        f"{mount['mountPath']}/{file}": text
        for mount in server["volumeMounts"]
        if mount["name"] in volumes
        for file, text in data[volumes[mount["name"]]].items()
    }
