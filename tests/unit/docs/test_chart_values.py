"""Comments of values: what they become, and that none can be forgotten."""

from __future__ import annotations

import pytest

from chart_values.readme import row, table
from chart_values.schema import of, schema
from chart_values.values import ValuesError, read

TEXT = """\
# A header.

# @section First
# Some words
# about it.

# -- How many,
# at once.
# @schema {minimum: 1, maximum: 5}
count: 2

group:
  # -- A or b | c.
  # @schema {enum: [a, b]}
  mode: a

  # -- Free.
  # @schema {shape: object}
  free: {a: {b: 1}}

# @section Second

# -- More.
# @schema {items: {shape: namespace}}
names: []
"""


def test_a_section_has_its_title_words_and_values() -> None:
    first, second = read(TEXT)
    assert (first.title, first.text) == ("First", "Some words about it.")
    assert [value.path for value in first.values] == ["count", "group"]
    assert [leaf.path for leaf in first.values[1].leaves()] == ["group.mode", "group.free"]
    assert (second.text, [value.path for value in second.values]) == ("", ["names"])


def test_a_map_has_exactly_its_keys_and_a_shape_goes_by_its_name() -> None:
    made = schema(read(TEXT), title="T")
    assert made["additionalProperties"] is False
    properties = made["properties"]
    assert properties["count"] == {
        "description": "How many, at once.",
        "type": "integer",
        "default": 2,
        "minimum": 1,
        "maximum": 5,
    }
    assert properties["group"]["additionalProperties"] is False
    assert properties["group"]["properties"]["free"]["additionalProperties"] is True
    assert properties["names"]["items"]["maxLength"] == 63


def test_a_row_shows_type_default_and_words_in_one_cell_each() -> None:
    shown = {found.path: found for section in read(TEXT) for found in table(section).rows}
    assert shown["count"].type == "integer, 1 to 5"
    assert shown["group.mode"].type == "one of `a`, `b`"
    assert shown["group.mode"].text == r"A or b \| c."
    assert shown["group.free"].default == '`{"a": {"b": 1}}`'
    assert (shown["names"].type, shown["names"].default) == ("list", "`[]`")


def test_a_long_default_is_left_to_the_file() -> None:
    (section,) = read(f"# @section A\n\n# -- B.\nc: {'x' * 80}\n")
    assert row(section.values[0]).default == "see values.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# @section A\n\nb: 1\n", "values.yaml:3: b has no comment"),
        ("# @section A\n\n# -- B.\n# @schema {minimun: 1}\nb: 1\n", "unknown hints .'minimun'."),
        ("# -- B.\nb: 1\n", "the first value stands before the first section"),
    ],
)
def test_what_does_not_have_the_form_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ValuesError, match=message):
        read(text)


def test_a_default_of_null_is_an_error() -> None:
    (section,) = read("# @section A\n\n# -- B.\nb: null\n")
    with pytest.raises(ValuesError, match=r"values\.yaml:4: b needs a default other than null"):
        of(section.values[0])
