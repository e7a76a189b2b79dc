"""The user's own arguments, judged by what the resolved runtime knows, before a GPU is taken.

In: spec.extraArgs, the runtime, and the recorded parsers that it obeys. Out: nothing if all is
well; Invalid for what would end the server at start; the same as warnings where the image is a
build that the catalog does not know, or has served with them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from cosmos3_operator.api.errors import FieldError, Invalid
from cosmos3_operator.catalog.flags import Flags, Takes, recorded
from cosmos3_operator.catalog.load import Catalog
from cosmos3_operator.catalog.types import Runtime, Surface
from cosmos3_operator.plan.command_line import Given, read, spelled

CERTAIN_TYPES: Mapping[str, tuple[Callable[[str], object], str]] = {
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "json": (json.loads, "JSON"),
}
"""Types whose values are judged, and what they must be; the others are the servers' own."""

UNSET = ("", "None")
"""What many arguments take for no value at all, whatever their type."""

PLAIN_TYPES = ("int", "float", "human_readable_int")
"""Types that no dotted key of JSON can make up."""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What the words of one resource are judged by."""

    catalog: Catalog
    surface: Surface
    runtime: Runtime
    excuse: str = ""
    """Why what would be refused is only said, e.g. since the runtime is an assumption; "" if it is
    refused."""
    parser: Callable[[str], Flags] = recorded
    """Gives a recorded parser by its name."""

    def flags(self, runtime: Runtime) -> tuple[Flags, ...]:
        """Return the parsers that a runtime is judged by."""
        return tuple(map(self.parser, runtime.flags.get(self.surface, ())))


def check_extra_args(words: Sequence[str], judge: Judge) -> tuple[str, ...]:
    """Return warnings about a resource's own arguments.

    Raises Invalid when the server would not start with them.
    """
    if not words:
        return ()
    errors: dict[str, FieldError] = {}
    doubts: dict[str, str] = {}
    for flags in judge.flags(judge.runtime):
        for given in read(words, flags):
            path = f"spec.extraArgs[{given.index}]"
            for message in _errors(given, flags, judge):
                errors.setdefault(path, FieldError(path, message))
            if given.abbreviated:
                doubts.setdefault(path, f"{path[5:]}: {_abbreviated(given)}")
    if errors and not judge.excuse:
        raise Invalid(tuple(errors.values()))
    unsure = (f"{str(error)[5:]}; {judge.excuse}" for error in errors.values())
    return (*unsure, *doubts.values())


def assumption(words: Sequence[str], judge: Judge) -> tuple[str, ...]:
    """Return what the judgement of a resource's own arguments takes for granted, if anything."""
    labels = [flags.label for flags in judge.flags(judge.runtime)] if words else []
    if not words or labels == [judge.runtime.label]:
        return ()
    if not labels:
        return (f"{judge.runtime.label} takes spec.extraArgs: its arguments are not recorded",)
    both = "both " if len(labels) > 1 else ""
    names = " and ".join(labels)
    return (f"its arguments are those of {both}{names}: the image itself was not inspected",)


def _errors(given: Given, flags: Flags, judge: Judge) -> Iterator[str]:
    """Yield what would stop the server, most telling first."""
    if given.flag is None:
        yield _unknown(given, flags, judge)
        return
    if said := flags.refusal(spelled(given.text), given.flag):
        yield (
            f"'{given.text}' is parsed by {_label(judge.runtime, flags)}, which then exits with "
            f'"{said}": leave it out{_elsewhere(given, judge)}'
        )
    yield from _wrong_number(given, flags, judge)
    yield from _wrong_value(given, flags, judge)
    yield from _known_bug(given, judge)


def _unknown(given: Given, flags: Flags, judge: Judge) -> str:
    server = _label(judge.runtime, flags)
    if given.candidates:
        names = ", ".join(sorted(given.candidates))
        return f"'{given.text}' may mean {names} to {server}: write the one you mean in full"
    stop = f"'{given.text}' is not a flag of {server}, which exits when it meets one"
    if known := _elsewhere(given, judge):
        return f"{stop}: leave it out{known}"
    return f"{stop}: {_alike(given, flags, judge)}"


def _alike(given: Given, flags: Flags, judge: Judge) -> str:
    """Return what was perhaps meant, and for what the operator owns, where to say it."""
    owned = {item.flag: item.use for item in judge.catalog.owned_arguments(judge.surface)}
    close = get_close_matches(
        spelled(given.text), sorted({*flags.by_spelling, *owned}), n=3, cutoff=0.7
    )
    if not close:
        return "leave it out; `vllm serve --help=all` of that version lists what it has"
    names = (f"{name} ({owned[name]})" if name in owned else name for name in close)
    return f"did you mean {_any_of(tuple(names))}? Otherwise leave it out"


def _elsewhere(given: Given, judge: Judge) -> str:
    """Return which catalogued versions would take the flag, as the end of a sentence."""
    named = [
        runtime.name
        for runtime in judge.catalog.runtimes_for(judge.surface)
        if runtime.engine == judge.runtime.engine and _takes(runtime, given, judge)
    ]
    return f", or use spec.runtime.version {_any_of(named)}, where it works" if named else ""


def _takes(runtime: Runtime, given: Given, judge: Judge) -> bool:
    def known(flags: Flags) -> bool:
        flag = flags.by_spelling.get(spelled(given.text))
        return flag is not None and flags.refusal(spelled(given.text), flag) is None

    parsers = judge.flags(runtime)
    return bool(parsers) and all(map(known, parsers))


def _wrong_number(given: Given, flags: Flags, judge: Judge) -> Iterator[str]:
    takes, count = (given.flag.takes if given.flag else Takes.MANY), len(given.values)
    server = _label(judge.runtime, flags)
    if (takes is Takes.ONE or given.dotted) and count == 0:
        yield f"'{given.text}' needs a value on {server}: add it as the next item, or after ="
    many = 1 if given.attached else count
    most = {Takes.NONE: 0, Takes.ONE: 1, Takes.OPTIONAL: 1, Takes.MANY: many}[takes]
    if count > most:
        number = "no value" if most == 0 else "one value"
        yield (
            f"'{given.text}' takes {number} on {server}, which exits at '{given.values[most]}': "
            "drop that"
        )


def _wrong_value(given: Given, flags: Flags, judge: Judge) -> Iterator[str]:
    flag, server = given.flag, _label(judge.runtime, flags)
    if flag is None:
        return
    if given.dotted:
        if flag.choices or flag.type in PLAIN_TYPES:
            yield f"'{given.text}' takes a plain value on {server}, not parts of JSON: drop the dot"
        return
    # The kubelet puts in what a variable stands for; nobody knows it here.
    for value in (v for v in given.values if "$(" not in v):
        if flag.choices and value not in flag.choices:
            yield (
                f"'{given.text}' does not take '{value}' on {server}: use one of "
                f"{', '.join(flag.choices)}"
            )
        convert, kind = CERTAIN_TYPES.get(flag.type, (str, ""))
        if value not in UNSET and not _converts(convert, value):
            yield f"'{given.text}' does not take '{value}' on {server}: it must be {kind}"


def _converts(convert: Callable[[str], object], value: str) -> bool:
    try:
        convert(value)
    except ValueError:
        return False
    return True


def _known_bug(given: Given, judge: Judge) -> Iterator[str]:
    for bug in judge.runtime.known_bugs:
        if given.flag and bug.flag in given.flag.spellings:
            bad = [value for value in given.values if value not in bug.sound_values]
            if bad:
                yield (
                    f"'{given.text} {bad[0]}' on {judge.runtime.label}: {bug.what}; use "
                    f"{_any_of(bug.sound_values)}, or leave it out"
                )


def _abbreviated(given: Given) -> str:
    name = given.flag.name if given.flag else ""
    return (
        f"'{given.text}' is understood as {name} because no other flag of this version begins so; "
        "another version may have one, so write it in full"
    )


def _any_of(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _label(runtime: Runtime, flags: Flags) -> str:
    """Name the runtime, and by which version it was judged where that is another one."""
    judged = "" if flags.label == runtime.label else f" (judged by {flags.label})"
    return f"{runtime.label}{judged}"
