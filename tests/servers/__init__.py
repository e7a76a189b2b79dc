"""The real servers, on the CPU, with tiny random weights: what the operator renders is run.

vLLM and vLLM-Omni from their wheels are started by the very command line, environment and deploy
config that the operator would put into a pod; `substitutions.yaml` is the whole list of what is
changed. Only the weights, and with them the pictures and answers, mean nothing.

`python -m servers` is the front door for people, :class:`servers.start.Server` the one for tests,
:func:`servers.checks.check` the one for `make compat`. README.md says more.
"""
