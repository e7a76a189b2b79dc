"""Serve NVIDIA Cosmos 3 world models on Kubernetes.

The data flow is the architecture: CR → parse → plan → manifests → apply → status.
See docs/architecture.md.
"""

__version__ = "0.1.0"
