"""A real Kubernetes control plane for tests, the demo and the benchmark.

etcd, kube-apiserver, kube-controller-manager and kube-scheduler of one pinned version run on
loopback, with GPU nodes simulated by kwok. Everything else in the repository reaches it only
through the kubeconfig that it writes, so that the same suite runs on any other cluster too.

``python -m bed --help`` is the front door for people, :mod:`bed.api` the one for code.
"""
