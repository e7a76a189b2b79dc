"""Cuts credentials out of text that others wrote, before anything of it is kept or shown.

In: any text, e.g. the tail of a log. Out: the same text with `[redacted]` in the place of what
looks like a token, a key, a password or the signature of a URL. It is one pass for each pattern,
and none can look back over what it has read, so the time grows with the text and no faster. Text
that was cut in the middle should begin with a whole line: half a token has no beginning to know it
by.
"""

from __future__ import annotations

import re

MARK = "[redacted]"

_NAMES = (
    r"api[_-]?keys?|(?:secret|access|account|private)[_-]?(?:access[_-]?)?keys?(?:[_-]id)?"
    r"|client[_-]?secret|passw(?:or)?d|x-api-key"
)
_SEPARATOR = r"""["']?\s{0,3}[=:]\s{0,3}"""
_PLAIN = r"""(?:\[redacted\]|(?!\[redacted\])[^\s"',;&)\]}])"""
_VALUE = rf"""(?:\[["'][^\]\n]*\]?|"[^"\n]*"?|'[^'\n]*'?|{_PLAIN}+)"""
_LONG_VALUE = (
    rf"""(?:\[["'][^\]\n]*\]?|"[^"\n]{{6,}}"?|'[^'\n]{{6,}}'?"""
    rf"""|\[redacted\]{_PLAIN}*|{_PLAIN}{{8,}})"""
)
_SIGNED = r"x-(?:amz|goog)-(?:signature|credential|security-token)|signature|key-pair-id|policy|sig"
_BEGINNINGS = r"hf_|api_org_|nvapi-|sk-|gh[opsu]_|github_pat_|glpat-"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # A private key, to its end or to the end of the text.
    (
        _pattern(
            r"-----BEGIN [a-z ]{0,30}PRIVATE KEY-----(?s:.*?)(?:-----END [a-z ]{0,30}-----|\Z)"
        ),
        MARK,
    ),
    # Whoever calls a URL with its user or its signature is that user.
    (_pattern(r"(://)(?!\[redacted\]@)[^\s/@'\"<>]+@"), rf"\1{MARK}@"),
    (_pattern(r"(https?://[^\s?'\"<>]{1,2000}\?)[^\s'\"<>)]+"), rf"\1{MARK}"),
    (_pattern(rf"(?<![a-z])({_SIGNED})={_PLAIN}+"), rf"\1={MARK}"),
    # Tokens that are known by how they begin.
    (re.compile(rf"(?<![A-Za-z0-9])(?:{_BEGINNINGS})(?=[\w-]{{0,40}}[A-Z0-9])[\w-]{{12,}}"), MARK),
    (re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}"), MARK),
    (re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"), MARK),
    # Values that are known by their name.
    (_pattern(rf"(authorization{_SEPARATOR})(?:(?:bearer|basic|token) +)?{_VALUE}"), rf"\1{MARK}"),
    (_pattern(r"\b(bearer +)(?!\[redacted)[\w.~+/=-]{8,}"), rf"\1{MARK}"),
    (_pattern(rf"((?:{_NAMES}){_SEPARATOR}){_VALUE}"), rf"\1{MARK}"),
    (_pattern(rf"((?:token|secret){_SEPARATOR}){_LONG_VALUE}"), rf"\1{MARK}"),
    (_pattern(rf"(--(?:api-key|hf-token|token) +){_VALUE}"), rf"\1{MARK}"),
)


def redact(text: str) -> str:
    """Return the text without what would let its reader in somewhere."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text
