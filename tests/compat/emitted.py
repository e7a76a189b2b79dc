"""Judges a command by a snapshot of flags alone, without the server's code.

In: words and a snapshot. Out: what is wrong, each naming its flag. It shares nothing with the
operator's own check of users' arguments, so each can catch the other's mistakes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from compat.snapshots import Snapshot

_FEWEST_AND_MOST = {"none": (0, 0), "one": (1, 1), "optional": (0, 1), "many": (1, None)}
_TYPES: Mapping[str, Callable[[str], Any]] = {"int": int, "float": float, "json": json.loads}


def faults(words: Sequence[str], snapshot: Snapshot) -> list[str]:
    """Return everything that is wrong with the words after `vllm serve`."""
    server = f"{snapshot['engine']} {snapshot['version']}"
    known = {
        spelling: described
        for described in snapshot["flags"].values()
        for spelling in described["spellings"]
    }
    refused = snapshot.get("refused_at_start", {})
    found = []
    for flag, values in _flags(words[1:]):
        if flag not in known:
            found.append(f"{flag} is no flag of {server}")
            continue
        found += [f"{flag} {fault}" for fault in _of_values(values, known[flag])]
        if flag in refused:
            found.append(f"{flag} stops {server} at start: {refused[flag]}")
    return found


def _flags(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each flag with the values that follow it."""
    flag, values = "", list[str]()
    for word in words:
        if word.startswith("-") and not _is_number(word):
            if flag:
                yield flag, values
            flag, equals, value = word.partition("=")
            values = [value] if equals else []
        else:
            values.append(word)
    if flag:
        yield flag, values


def _of_values(values: Sequence[str], described: Mapping[str, Any]) -> Iterator[str]:
    fewest, most = _FEWEST_AND_MOST[described["takes"]]
    if len(values) < fewest or (most is not None and len(values) > most):
        yield f"takes {described['takes']}, not {len(values)} values"
    for value in values:
        if value not in described.get("choices", [value]):
            yield f"cannot be {value}, only one of {', '.join(described['choices'])}"
        elif not _converts(value, described.get("type", "")):
            yield f"cannot be {value}, which is no {described['type']}"


def _converts(value: str, kind: str) -> bool:
    try:
        _TYPES.get(kind, str)(value)
    except ValueError:
        return False
    return True


def _is_number(word: str) -> bool:
    return _converts(word, "float")
