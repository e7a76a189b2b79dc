"""The part of the bed that simulates nodes: kwok, driven by the stages in stages/.

In: the stage files. Out: kwok's configuration and command line, and the storage class whose
volumes the stages provide.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

from bed.nodes import SIMULATED
from bed.versions import HERE

# RFC 2544 sets 198.18.0.0/15 aside for tests: whoever calls a simulated pod reaches nobody.
POD_NETWORK = "198.18.0.0/16"
SERVICE_NETWORK = "198.19.0.0/16"

# A call to a simulated node (for logs, say) is refused at once instead of hanging.
_NODE_ADDRESS = "127.0.0.1"

# A configuration that states one of these must state them all: kwok's defaults are lost with it.
_OPTIONS = """\
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  enableDebuggingHandlers: true
  podPlayStageParallelism: 16
  nodePlayStageParallelism: 4
  nodeLeaseParallelism: 4
  podsOnNodeSyncParallelism: 4
  enablePodsOnNodeSyncListPager: true
"""

# What `kubectl logs` prints for every container: without it, it would look like a broken cluster.
_LOG_TEXT = "{time} stdout F This container is simulated: no program runs in it.\n"
_LOGS = """\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterLogs
metadata:
  name: all
spec:
  logs:
    - logsFile: {path}
"""

# A kubelet's own, renewed four times as often.
LEASE_S = 40

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
    """Write kwok's configuration into a folder: its options, its logs and all stages."""
    log = folder / "simulated.log"
    log.write_text(_LOG_TEXT.format(time=dt.datetime.now(dt.UTC).isoformat()))
    path = folder / "kwok.yaml"
    path.write_text("\n---\n".join([_OPTIONS, _LOGS.format(path=log), _stages()]))
    return path


def fingerprint() -> str:
    """Return a short name for the stages as they are now."""
    return hashlib.sha256(_stages().encode()).hexdigest()[:12]


def argv(binary: Path, config: Path, kubeconfig: Path, port: int, *, lease_s: int) -> list[str]:
    """Return kwok's command line."""
    return [
        str(binary),
        f"--config={config}",
        f"--kubeconfig={kubeconfig}",
        f"--manage-nodes-with-label-selector={SIMULATED}=true",
        f"--cidr={POD_NETWORK}",
        f"--node-ip={_NODE_ADDRESS}",
        f"--node-port={port}",
        f"--node-lease-duration-seconds={lease_s}",
        f"--server-address=127.0.0.1:{port}",
    ]


def _stages() -> str:
    return "\n---\n".join(path.read_text() for path in sorted((HERE / "stages").glob("*.yaml")))
