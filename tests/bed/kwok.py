"""The part of the bed that simulates nodes: kwok, driven by the stages in stages/.

In: the stage files. Out: kwok's configuration and command line, and the storage class whose
volumes the stages provide.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import yaml

from bed.nodes import SIMULATED
from bed.versions import HERE

# RFC 2544 sets 198.18.0.0/15 aside for tests: whoever calls a simulated pod reaches nobody.
POD_NETWORK = "198.18.0.0/16"
SERVICE_NETWORK = "198.19.0.0/16"

# Where the API server finds a simulated node's kubelet (kubelet.py), which only knows about logs.
_NODE_ADDRESS = "127.0.0.1"

# A configuration that states one of these must state them all: kwok's defaults are lost with it.
_OPTIONS = """\
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  enableDebuggingHandlers: false
  podPlayStageParallelism: 16
  nodePlayStageParallelism: 4
  nodeLeaseParallelism: 4
  podsOnNodeSyncParallelism: 4
  enablePodsOnNodeSyncListPager: true
"""

# A kubelet's own, renewed four times as often.
LEASE_S = 40

_WORD = re.compile("<<([a-z-]+)>>")
_ANNOTATION = (
    r'.metadata.annotations["bed.cosmos3.io/" + '
    r'(if .metadata.labels["batch.kubernetes.io/job-name"] then "job-" else "" end) + "\1"]'
)
# What the templates of events, and of patches that ask for it, may use.
_PRELUDE = """
{{ $a := or .metadata.annotations dict }}
{{ $job := index (or .metadata.labels dict) "batch.kubernetes.io/job-name" }}
{{ $bed := ternary "bed.cosmos3.io/job-" "bed.cosmos3.io/" (ne (or $job "") "") }}
{{ $first := index .spec.containers 0 }}
{{ $restarts := 0 }}
{{ range .status.containerStatuses }}
{{ if eq .name $first.name }}{{ $restarts = int .restartCount }}{{ end }}
{{ end }}
"""

STORAGE_CLASS: dict[str, Any] = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "simulated",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "bed.cosmos3.io/volumes",
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "Immediate",
    "allowVolumeExpansion": True,
}


def write_configuration(folder: Path) -> Path:
    """Write kwok's configuration into a folder: its options and all stages."""
    path = folder / "kwok.yaml"
    path.write_text("\n---\n".join([_OPTIONS, _stages()]))
    return path


def fingerprint() -> str:
    """Return a short name for the stages as they are now."""
    return hashlib.sha256(_stages().encode()).hexdigest()[:12]


def argv(
    binary: Path, config: Path, kubeconfig: Path, *, port: int, kubelet_port: int, lease_s: int
) -> list[str]:
    """Return kwok's command line."""
    return [
        str(binary),
        f"--config={config}",
        f"--kubeconfig={kubeconfig}",
        f"--manage-nodes-with-label-selector={SIMULATED}=true",
        f"--cidr={POD_NETWORK}",
        f"--node-ip={_NODE_ADDRESS}",
        f"--node-port={kubelet_port}",
        f"--node-lease-duration-seconds={lease_s}",
        f"--server-address=127.0.0.1:{port}",
    ]


def _stages() -> str:
    """Return all stages in kwok's own words: the files use a few shorter ones."""
    documents = [
        _spelled(document)
        for path in sorted((HERE / "stages").glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
    ]
    stages = {document["metadata"]["name"]: document["spec"] for document in documents}
    for spec in stages.values():
        spec["steps"] = [_step(step, stages) for step in spec["steps"]]
    return yaml.safe_dump_all(documents, sort_keys=False, width=1000)


def _spelled(node: Any) -> Any:
    """Spell out `<<fail>>`: the annotation that decides, which is another one for a Job's pods."""
    if isinstance(node, dict):
        return {name: _spelled(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_spelled(item) for item in node]
    return _WORD.sub(_ANNOTATION, node) if isinstance(node, str) else node


def _step(step: dict[str, Any], stages: dict[str, Any]) -> dict[str, Any]:
    if "like" in step:
        return next(other for other in stages[step["like"]]["steps"] if "patch" in other)
    if "kubelet" in step:
        return {"apply": {"template": _event(**step["kubelet"])}}
    if "patch" in step and "let" in step["patch"]:
        patch = dict(step["patch"])
        patch["template"] = _PRELUDE + patch.pop("let") + patch["template"]
        return {"patch": patch}
    return step


def _event(
    *,
    type: str,  # noqa: A002 - the API's name
    reason: str,
    message: str,
    name: str = "",
    of: str = "container",
    count: str = "1",
    let: str = "",
) -> str:
    """Return the template of a kubelet's event; message and count are expressions.

    One object for each thing that is said about a pod, told anew with a higher count: a kubelet's
    events are merged in the same way.
    """
    path = 'printf "spec.containers{%s}" $first.name' if of == "container" else '""'
    suffix = "-".join(filter(None, (reason.lower(), name)))
    return (
        _PRELUDE
        + let
        + f"""
        {{{{ $message := {message} }}}}
        apiVersion: v1
        kind: Event
        metadata:
          name: {{{{ .metadata.name }}}}.{suffix}
          namespace: {{{{ .metadata.namespace }}}}
        involvedObject:
          apiVersion: v1
          kind: Pod
          name: {{{{ .metadata.name }}}}
          namespace: {{{{ .metadata.namespace }}}}
          uid: {{{{ .metadata.uid }}}}
          fieldPath: {{{{ {path} | toJson }}}}
        type: {type}
        reason: {reason}
        message: {{{{ toJson $message }}}}
        source: {{component: kubelet, host: {{{{ .spec.nodeName | Quote }}}}}}
        firstTimestamp: {{{{ .status.startTime | default Now | Quote }}}}
        lastTimestamp: {{{{ Now | Quote }}}}
        count: {{{{ {count} }}}}
"""
    )
