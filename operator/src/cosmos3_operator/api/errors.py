"""What is wrong with a resource, as data.

Invalid
└── errors: tuple of FieldError, each with path, value, rule and way out
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class FieldError:
    """One thing that is wrong with one field."""

    path: str
    """Where, as users write it: spec.parallelism.cfg, spec.pod.env[0].name."""
    message: str
    """The rule and the way out; after a colon, so it never repeats the path."""
    value: str = ""
    """The offending value as it is shown, "" where the message names it or there is none."""

    def __str__(self) -> str:
        """Return the error as one line."""
        words = (self.value, self.message) if self.value else (self.message,)
        return f"{self.path}: {' '.join(words)}"


class Invalid(Exception):  # noqa: N818 - a verdict, not a malfunction
    """The resource cannot be served as it is written; only a new spec helps."""

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = errors
