"""Where things are in the server's container, and on which port it listens."""

PORT = 8000
"""Port of the API; a Service may show another one."""

CACHE = "/cache"
TMP = "/tmp"  # noqa: S108 - the container's own emptyDir
SHM = "/dev/shm"  # noqa: S108 - the container's own emptyDir
STORAGE = "/storage"
"""Finished videos of vLLM-Omni, one emptyDir per pod: they die with it."""
DEPLOY_CONFIG_DIR = "/etc/cosmos3"
DEPLOY_CONFIG_FILE = "deploy-config.yaml"
