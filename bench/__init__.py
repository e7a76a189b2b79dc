"""Measures the operator against a bare client on a local control plane; see README.md."""
