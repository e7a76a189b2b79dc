"""From pydantic's JSON Schema to the structural schema of a CRD."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field

from cosmos3_operator.api.base import Bool, Int, Model, Str, Whole
from cosmos3_operator.api.fields import Cpu
from cosmos3_operator.api.rules import Rule, matches
from cosmos3_operator.api.structural import structural


class Part(Model):
    """A part."""

    size: Annotated[int, Whole(1, 5)] = 3
    """How large."""
    name: Str | None = None
    """What it is called."""

    rules: ClassVar = (Rule(cel="self.size < 5", message="no", check=lambda part: None),)


class Everything(Model):
    """The whole."""

    part: Part = Part()
    """Near."""
    other_part: Part | None = None
    """Nearer than the part's own text."""
    parts: Annotated[tuple[Part, ...], Field(max_length=2)] = ()
    """Many."""
    labels: Annotated[dict[Str, Annotated[Str, Field(max_length=3)]], Field(max_length=1)] = Field(
        default={}
    )
    """Map."""
    cpu: Cpu | None = None
    """Either."""
    mode: Literal["On", "Off"] = "On"
    """Choice."""
    one: Literal["Only"] = "Only"
    """One choice."""
    text: Annotated[Str, matches("^a$", "a")]
    """Required."""


SCHEMA = structural(Everything)["properties"]
PART = {
    "type": "object",
    "properties": {
        "size": {
            "type": "integer",
            "description": "How large.",
            "minimum": 1,
            "maximum": 5,
            "default": 3,
        },
        "name": {"type": "string", "description": "What it is called."},
    },
    "x-kubernetes-validations": [{"rule": "self.size < 5", "message": "no"}],
}


def test_references_are_followed_and_limits_kept() -> None:
    assert SCHEMA["parts"] == {
        "type": "array",
        "description": "Many.",
        "maxItems": 2,
        "items": {**PART, "description": "A part."},
    }


def test_what_stands_nearer_wins() -> None:
    assert SCHEMA["otherPart"] == {**PART, "description": "Nearer than the part's own text."}


def test_the_default_of_an_object_holds_the_defaults_of_its_fields() -> None:
    assert SCHEMA["part"] == {**PART, "description": "Near.", "default": {"size": 3}}


def test_maps_choices_and_int_or_string() -> None:
    assert SCHEMA["labels"] == {
        "type": "object",
        "description": "Map.",
        "maxProperties": 1,
        "additionalProperties": {"type": "string", "maxLength": 3},
    }
    assert SCHEMA["mode"]["enum"] == ["On", "Off"]
    assert SCHEMA["one"] == {
        "type": "string",
        "enum": ["Only"],
        "default": "Only",
        "description": "One choice.",
    }
    assert SCHEMA["cpu"] == {
        "x-kubernetes-int-or-string": True,
        "description": "Either.",
        "maxLength": 16,
    }


def test_rules_of_fields_and_required_fields() -> None:
    assert SCHEMA["text"]["x-kubernetes-validations"] == [
        {"rule": "self.matches('^a$')", "message": "must be a"}
    ]
    assert structural(Everything)["required"] == ["text"]


def test_a_choice_of_types_has_no_structural_schema() -> None:
    class Bad(Model):
        """Two types."""

        field: Bool | Int
        """Either."""

    with pytest.raises(ValueError, match="no structural schema"):
        structural(Bad)
