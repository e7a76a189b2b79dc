"""Texts that are worth keeping, compressed, and no more of them than a bound.

In: a name and a text. Out: the same text, or None once others were asked for more recently. A log
of a model server shrinks to a twentieth, so the bound counts what the texts are and not what they
take.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

LARGEST_TOGETHER = 64 * 1024 * 1024


class _Packed(NamedTuple):
    data: bytes
    length: int


class Texts:
    """The texts that were used last."""

    def __init__(self, *, largest_together: int = LARGEST_TOGETHER) -> None:
        self._largest = largest_together
        self._packed: OrderedDict[Hashable, _Packed] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._packed)

    def __contains__(self, name: Hashable) -> bool:
        """Tell whether a text is kept."""
        return name in self._packed

    @property
    def packed_size(self) -> int:
        """Return the bytes that all of them take."""
        return sum(len(packed.data) for packed in self._packed.values())

    def put(self, name: Hashable, text: str) -> None:
        """Keep a text, and let go of those that were not used for longest."""
        self.drop(name)
        data = text.encode()
        self._packed[name] = _Packed(zlib.compress(data, level=1), len(data))
        self._length += len(data)
        while self._length > self._largest and len(self._packed) > 1:
            self.drop(next(iter(self._packed)))

    def get(self, name: Hashable) -> str | None:
        """Return a text, None if it is not kept."""
        if name not in self._packed:
            return None
        self._packed.move_to_end(name)
        return zlib.decompress(self._packed[name].data).decode()

    def drop(self, name: Hashable) -> None:
        """Let go of a text."""
        if packed := self._packed.pop(name, None):
            self._length -= packed.length
