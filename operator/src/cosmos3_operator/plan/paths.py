"""Names that manifests and status share: where things are in the pod, on which port it listens."""

PORT = 8000
"""Port of the API; a Service may show another one."""

SERVER = "server"
"""Name of the container that serves."""

DEVICES = "devices"
"""Name of the init container that looks at the GPUs."""

CACHE = "/cache"
TMP = "/tmp"  # noqa: S108 - the container's own emptyDir
SHM = "/dev/shm"  # noqa: S108 - the container's own emptyDir
STORAGE = "/storage"
"""Finished videos of vLLM-Omni, one emptyDir per pod: they die with it."""
DEPLOY_CONFIG_DIR = "/etc/cosmos3"
DEPLOY_CONFIG_FILE = "deploy-config.yaml"
