"""The base of every API model: field names, strictness and rules in one place.

Models accept exactly what the CRD's structural schema accepts: no coercion between types, `null` as
good as nothing, unknown fields ignored here (as the API server prunes them) and reported by
`validate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from cosmos3_operator.api.rules import VALIDATIONS, Rule, TransitionRule


@dataclass(frozen=True)
class Whole:
    """Annotation of an integer field: its limits, and JSON's idea of a whole number."""

    ge: int | None = None
    le: int | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        # The limits stand inside: around the conversion they would be lost to the JSON schema.
        number = core_schema.int_schema(strict=True, ge=self.ge, le=self.le)
        return core_schema.no_info_before_validator_function(whole, number)


def whole(value: Any) -> Any:
    """Return 2 for 2.0: JSON has one number type, and the API server takes either."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Str = Annotated[str, Strict()]
Int = Annotated[int, Whole()]
Bool = Annotated[bool, Strict()]


class Model(BaseModel):
    """A part of a resource as users write it."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    transitions: ClassVar[tuple[TransitionRule, ...]] = ()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return itself: pydantic copies each default deeply, and frozen models need no copy."""
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        found = handler(schema)
        rules: tuple[Rule | TransitionRule, ...] = (*cls.rules, *cls.transitions)
        if entries := [rule.to_crd() for rule in rules]:
            handler.resolve_ref_schema(found)[VALIDATIONS] = entries
        return found

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        """Drop null from fields and maps as the API server does; in lists it stays, an error."""
        if not isinstance(data, dict):
            return data
        return {name: _without_nulls(value) for name, value in data.items() if value is not None}


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: part for name, part in value.items() if part is not None}
