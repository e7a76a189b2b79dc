"""Proof against the model servers' own code: every command line that the planner writes.

The real argument parsers, validators and configuration resolvers of vLLM and vLLM-Omni judge the
commands, each version in an environment of its own, without a GPU. The same environments give the
snapshots of flags in `catalog/flags/` that everything else is checked against.

``make compat`` is the front door for people, :mod:`compat.environments` the one for code that needs
an environment.
"""
