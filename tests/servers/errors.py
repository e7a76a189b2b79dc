"""What can go wrong with a server, said so that a person can act on it.

ServerError           (it cannot be rendered, built or reached, or does not end)
├── StartFailed       (it ended, or did not become healthy; carries its log)
└── CheckFailed       (it runs, and does not behave as the operator relies on)
"""

_TAIL_LINES = 60


class ServerError(Exception):
    """What went wrong and how to fix it, ready to be shown as it is."""


class StartFailed(ServerError):  # noqa: N818 - as it is said
    """A start that failed, with all that the server wrote."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(f"{message}:\n{tail(log)}")
        self.log = log


class CheckFailed(ServerError):  # noqa: N818 - as it is said
    """The server did something else than what the operator relies on."""


def tail(log: str) -> str:
    """Return the last lines of a log, to be shown."""
    return "\n".join(f"  | {line}" for line in log.splitlines()[-_TAIL_LINES:])
