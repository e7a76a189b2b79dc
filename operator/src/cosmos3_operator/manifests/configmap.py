"""The ConfigMap with vLLM-Omni's deploy config, where the runtime obeys one.

Its name carries a hash of its content, so that a change rolls the pods and a half-done roll never
mixes two contents.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import jinja2

from cosmos3_operator.manifests.metadata import Manifest, manifest
from cosmos3_operator.plan.digest import short_digest
from cosmos3_operator.plan.paths import DEPLOY_CONFIG_FILE
from cosmos3_operator.plan.types import DeployConfig, Plan


def build_configmap(plan: Plan) -> Manifest | None:
    """Return the ConfigMap, None if the runtime reads no deploy config or is not known."""
    if plan.deploy_config is None or not plan.runtime.is_known:
        return None
    return manifest(
        plan,
        api_version="v1",
        kind="ConfigMap",
        name=configmap_name(plan),
        body={"data": {DEPLOY_CONFIG_FILE: deploy_config_text(plan.deploy_config)}},
    )


def configmap_name(plan: Plan) -> str:
    """Return the name of the ConfigMap of a plan that has a deploy config."""
    if plan.deploy_config is None:
        raise ValueError("this plan has no deploy config")
    text = deploy_config_text(plan.deploy_config)
    return f"{plan.owner.base}-{short_digest(text)}"


def deploy_config_text(config: DeployConfig) -> str:
    """Return the YAML that vLLM-Omni reads."""
    return _template().render(config=config)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - YAML, and every value is a boolean or a constant
    )
    source = resources.files("cosmos3_operator.manifests") / "templates" / "deploy-config.yaml.j2"
    return environment.from_string(source.read_text())
