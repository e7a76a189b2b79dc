"""`cosmos3-operator`: the commands, each imported only when it is used.

In: the command line. Out: an exit code. `validate` in a commit hook must not wait for the imports
of `run`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click

from cosmos3_operator import __version__

COMMANDS: Mapping[str, str] = {
    "run": "Run the operator against the current cluster.",
    "diff": "Show what this version would change in a cluster.",
    "render": "Print the exact objects that the operator would create.",
    "plan": "Explain what would run, on how many GPUs, and why.",
    "validate": "Check files as the API server and the operator would.",
    "explain": "Explain a reason of a condition, or list them all.",
    "runtimes": "List the model servers that the catalog knows.",
    "images": "List the images and model repositories to mirror.",
    "check": "Check that a cluster has the CRDs, and what an account may do there.",
    "crds": "Print the CustomResourceDefinitions, or write them to files.",
}
"""Command → what the list of commands says. The module in `cli` and its function have that name."""


class LazyGroup(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"cosmos3_operator.cli.{cmd_name}")
        command = getattr(module, cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"cli.{cmd_name}.{cmd_name} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", message="cosmos3-operator %(version)s")
def main() -> None:
    """Serve NVIDIA Cosmos 3 world models on Kubernetes.

    render, plan and validate need no cluster: they read files and use the operator's own code.
    """
