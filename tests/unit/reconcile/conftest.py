"""Each test leaves logging as it found it."""

from fakes.logs import restored_logging

__all__ = ["restored_logging"]
