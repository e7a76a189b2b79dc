"""What can be wrong with a release; each text says what to do."""

from __future__ import annotations


class ReleaseError(Exception):
    """Something that whoever releases can put right."""
