"""Field types that several models share: names, quantities, paths, maps with keys of one form."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from cosmos3_operator.api.base import Str, whole
from cosmos3_operator.api.rules import (
    RULE_ERROR,
    Checked,
    Rule,
    Values,
    cel_list,
    cel_string,
    fullmatch,
    matches,
)

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_NAME_PART = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"

QUALIFIED_NAME = rf"^({SUBDOMAIN}/)?{_NAME_PART}$"
MAX_QUALIFIED_NAME = 253
LABEL_VALUE = rf"^({_NAME_PART})?$"

ObjectName = Annotated[
    Str,
    Field(max_length=253),
    matches(
        rf"^{SUBDOMAIN}$",
        "the name of an object: lower-case letters, digits, '-' and '.', such as hf-token",
    ),
]

KeyName = Annotated[
    Str,
    Field(max_length=253),
    matches(
        r"^\.?[-_A-Za-z0-9][-._A-Za-z0-9]*$",
        "a key of a Secret or ConfigMap: letters, digits, '-', '_' and '.', such as HF_TOKEN",
    ),
]

QualifiedName = Annotated[
    Str,
    Field(max_length=MAX_QUALIFIED_NAME),
    matches(QUALIFIED_NAME, "a label name such as gpu or example.com/gpu"),
]

LabelValue = Annotated[
    Str,
    Field(max_length=63),
    matches(
        LABEL_VALUE,
        "a label value: letters, digits, '-', '_' and '.', beginning and ending with a letter or "
        "digit",
    ),
]

_DECIMAL = r"(\.[0-9]{1,3})?"
_BINARY = r"(\.(5|25|75))?"

Bytes = Annotated[
    Str,
    Field(max_length=20),
    matches(
        # Whole bytes, and below 8 PiB: beyond, Kubernetes' own arithmetic warns and overflows.
        rf"^([0-9]{{1,15}}|[0-9]{{1,9}}({_DECIMAL}[kM]|{_BINARY}[KM]i)"
        rf"|[0-9]{{1,6}}({_DECIMAL}G|{_BINARY}Gi)|[0-9]{{1,3}}({_DECIMAL}T|{_BINARY}Ti))$",
        "a positive quantity of whole bytes such as 64Gi (binary) or 80G (decimal)",
        contains="[1-9]",
    ),
]

CPU_TEXT = (
    r"^([1-9][0-9]{0,4}(\.[0-9]{1,3})?"
    r"|0?\.([1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9])"
    r"|[1-9][0-9]{0,7}m)$"
)
CPU_WORDS = "must be a positive number of CPU cores such as 8, '0.5' or 500m"


class _CpuQuantity:
    """Annotation of a number or text of CPU cores.

    Its rule in the CRD stands one level higher, as the API server wants it for int-or-string.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"int-or-string": True, "maxLength": 16}

    @staticmethod
    def _validate(value: Any) -> int | str:
        number = whole(value)
        if type(number) in (int, str) and fullmatch(CPU_TEXT, str(number)):
            return cast(int | str, number)
        raise PydanticCustomError(RULE_ERROR, "{text}", {"text": CPU_WORDS})


Cpu = Annotated[int | str, _CpuQuantity()]
"""CPU cores: 8, "0.5" or 500m."""

MOUNT_ROOTS_IN_USE = (
    *("/bin", "/boot", "/cache", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc"),
    *("/root", "/run", "/sbin", "/storage", "/sys", "/tmp", "/usr", "/var"),  # noqa: S108
)
"""Paths where a media volume would hide something that the server or the operator needs."""

MountPath = Annotated[
    Str,
    Field(max_length=256),
    matches(
        r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$",
        "an absolute path below /, such as /media: '/' would let every API user read every file "
        "of the container, tokens included",
    ),
]

Image = Annotated[
    Str,
    Field(max_length=512),
    matches(
        r"^[a-z0-9][a-zA-Z0-9._-]*(:[0-9]{1,5})?(/[a-zA-Z0-9._-]+)*"
        r"(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$",
        "an image reference such as registry.example.com/vllm-omni:v0.28.0, "
        "best with @sha256:<digest>",
    ),
]

IPv4Block = Annotated[
    Str,
    Field(max_length=18),
    matches(
        r"^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}"
        r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])/(3[0-2]|[12][0-9]|[1-9])$",
        "an IPv4 block such as 10.0.0.0/8, with a prefix from 1 to 32",
    ),
]


def _keys_are(what: str) -> Checked:
    """Return the rule that every key of a map is a qualified name.

    The message cannot name the key: nothing bounds a key's length, so the API server refuses an
    expression that would copy it.
    """
    pattern = cel_string(QUALIFIED_NAME)
    return Checked(
        Rule(
            cel=f"self.all(k, size(k) <= {MAX_QUALIFIED_NAME} && k.matches({pattern}))",
            message=f"has a key that is not {what}: write an optional domain and '/', then up to "
            "63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
            check=lambda value: None if all(map(is_qualified_name, value)) else {},
        )
    )


def is_qualified_name(key: str) -> bool:
    """Tell whether a text is a label or annotation name."""
    return len(key) <= MAX_QUALIFIED_NAME and fullmatch(QUALIFIED_NAME, key)


Labels = Annotated[
    dict[Str, LabelValue],
    Field(max_length=32),
    _keys_are("a label name such as team or example.com/team"),
]
"""Label key → value."""

Annotations = Annotated[
    dict[Str, Annotated[Str, Field(max_length=4096)]],
    Field(max_length=32),
    _keys_are("an annotation name such as example.com/note"),
]
"""Annotation key → text."""


def reserved_keys(keys: tuple[str, ...], why: str) -> Checked:
    """Return the rule that a map has none of some keys; one that ends with '/' is a prefix."""

    def check(value: dict[str, Any]) -> Values | None:
        used = (key for key in keys if any(_is_or_begins(own, key) for own in value))
        found = next(used, None)
        return None if found is None else {"key": found}

    used = "self.exists(k, r.endsWith('/') ? k.startsWith(r) : k == r)"
    return Checked(
        Rule(
            cel=f"!{cel_list(list(keys))}.exists(r, {used})",
            message=f"must not set {{key}}: {why}",
            values={"key": f"{cel_list(list(keys))}.filter(r, {used})[0]"},
            check=check,
        )
    )


def _is_or_begins(key: str, reserved: str) -> bool:
    return key.startswith(reserved) if reserved.endswith("/") else key == reserved


class UniqueNames:
    """Annotation of a list: each item has a name of its own, by which tools may merge it."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._validate, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        keys = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
        return handler(schema) | keys

    @staticmethod
    def _validate(items: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [item.name for item in items]
        if twice := next((name for name in names if names.count(name) > 1), None):
            text = f"names '{twice}' twice: keep one of them"
            raise PydanticCustomError(RULE_ERROR, "{text}", {"text": text})
        return items
