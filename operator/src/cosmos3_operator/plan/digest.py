"""A few characters that tell one text from another, for names and annotations."""

from __future__ import annotations

import hashlib


def short_digest(text: str) -> str:
    """Return eight hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
