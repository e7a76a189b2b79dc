"""What can go wrong here."""

from bed.errors import BedError


class ToolError(BedError):
    """A program cannot be had; the message says what to do."""
