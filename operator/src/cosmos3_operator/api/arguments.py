"""Which extra arguments a user may add: all but those that the operator owns.

The servers' argument parser accepts `--flag=value`, `--flag value`, underscores for dashes, dotted
JSON keys, `--no-` forms, unambiguous abbreviations, and `-nVALUE` for flags of one letter. All of
them name a flag, so all of them are recognised here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from cosmos3_operator.api.rules import Rule, Values, cel_list, cel_string, fullmatch
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import OwnedArgument, Surface

_HEAD = "^-[^=.]+"
_FLAG = "^--?[A-Za-z][\\s\\S]*$"
_SPLIT = "^-[^=]*[ \\t\\r\\n][\\s\\S]*$"
_VARIABLE = "^(-[^=]*)?[$][(][\\s\\S]*$"


def flag_of(argument: str) -> str:
    """Return the flag that one word of a command line names, "" if it is a value."""
    found = re.match(_HEAD, argument)
    return found.group().replace("_", "-") if found else ""


def names(flag: str, owned: str) -> bool:
    """Tell whether a flag names an owned one, also abbreviated, negated or with its value."""
    if not flag:
        return False
    if flag.startswith("--"):
        return owned.startswith((flag, flag.replace("--no-", "--")))
    return owned.startswith(flag) or (len(owned) == 2 and flag.startswith(owned))


_CEL_NAMES = (
    "h.startsWith('--') ? (o.startsWith(h) || o.startsWith(h.replace('--no-', '--'))) : "
    "h != '' && (o.startsWith(h) || (size(o) == 2 && h.startsWith(o)))"
)


def argument_rules(
    surface: Surface, owned: Sequence[OwnedArgument] | None = None
) -> tuple[Rule, ...]:
    """Return the rules over `spec.extraArgs` for one surface: form, then one for each way out."""
    by_use: dict[str, list[str]] = {}
    for item in load().owned_arguments(surface) if owned is None else owned:
        by_use.setdefault(item.use, []).append(item.flag)
    return (*_FORM, *(_owned(flags, use) for use, flags in by_use.items()))


def _each(*, allowed: Callable[[str], bool], cel: str, message: str) -> Rule:
    """Return a rule over every argument `a`; the message may name the first bad `{argument}`."""

    def check(spec: Any) -> Values | None:
        bad = next((a for a in spec.extra_args if not allowed(a)), None)
        return None if bad is None else {"argument": bad}

    return Rule(
        cel=f"self.extraArgs.all(a, {cel})",
        message=message,
        values={"argument": f"self.extraArgs.filter(a, !({cel}))[0]"},
        check=check,
        path=".extraArgs",
        needs=("extraArgs",),
    )


def _owned(flags: list[str], use: str) -> Rule:
    """Return the rule that no argument sets one of the flags that share a way out."""

    def check(spec: Any) -> Values | None:
        pairs = ((a, flag) for a in spec.extra_args for flag in flags if names(flag_of(a), flag))
        found = next(pairs, None)
        return None if found is None else {"argument": found[0], "flag": found[1]}

    head = f"[a.find('{_HEAD}').replace('_', '-')]"
    hits = f"{head}.exists(h, {_CEL_NAMES})"
    bad = f"{cel_list(flags)}.exists(o, {hits})"
    return Rule(
        cel=f"!self.extraArgs.exists(a, {bad})",
        message="must not contain '{argument}': it sets {flag}, which the operator owns; " + use,
        values={
            "argument": f"self.extraArgs.filter(a, {bad})[0]",
            "flag": f"self.extraArgs.filter(a, {bad}).map(a, {cel_list(flags)}"
            f".filter(o, {hits})[0])[0]",
        },
        check=check,
        path=".extraArgs",
        needs=("extraArgs",),
    )


_FORM = (
    Rule(
        cel=f"size(self.extraArgs) == 0 || self.extraArgs[0].matches({cel_string(_FLAG)})",
        message="must begin with a flag, not '{argument}': the model is named by spec.model, and "
        "the first word begins with '-'",
        values={"argument": "self.extraArgs[0]"},
        check=lambda s: (
            {"argument": s.extra_args[0]}
            if s.extra_args and not fullmatch(_FLAG, s.extra_args[0])
            else None
        ),
        path=".extraArgs",
        needs=("extraArgs",),
    ),
    _each(
        allowed=lambda a: not fullmatch(_SPLIT, a),
        cel=f"!a.matches({cel_string(_SPLIT)})",
        message="must not contain '{argument}': no shell splits it, so write flag and value as two "
        "items",
    ),
    _each(
        allowed=lambda a: not fullmatch(_VARIABLE, a),
        cel=f"!a.matches({cel_string(_VARIABLE)})",
        message="must not contain '{argument}': an item that begins with a variable could name any "
        "flag; write --flag=$(VARIABLE)",
    ),
)
