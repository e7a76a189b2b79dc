"""From a pydantic model to the structural schema that a CRD wants.

Pydantic writes JSON Schema with references, titles and `anyOf` for optional fields; the API server
wants everything in place, one type for each node, and defaults that it can apply itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from cosmos3_operator.api.rules import VALIDATIONS

_KEPT = (
    "type",
    "description",
    "format",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "pattern",
    "required",
    VALIDATIONS,
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
)


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """Return the structural schema of a model, by its JSON field names."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _node(schema, schema.get("$defs", {}))


def _node(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    schema = _resolved(schema, definitions)
    node = {key: schema[key] for key in _KEPT if key in schema}
    if "const" in schema:
        node |= {"type": "string", "enum": [schema["const"]]}
    if "properties" in schema:
        node["properties"] = {
            name: _node(part, definitions) for name, part in schema["properties"].items()
        }
    if "items" in schema:
        node["items"] = _node(schema["items"], definitions)
    if isinstance(schema.get("additionalProperties"), Mapping):
        node["additionalProperties"] = _node(schema["additionalProperties"], definitions)
    if schema.get("int-or-string"):
        node["x-kubernetes-int-or-string"] = True
        node.pop("type", None)
    default = schema.get("default")
    if default is not None and "properties" in node:
        default = _whole_default(node)
    # Empty defaults would only fill what users see of their own resources with empty fields.
    if default not in (None, [], {}):
        node["default"] = default
    return node


def _whole_default(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object's default with its fields' defaults: rules are judged on it as it stands."""
    parts = node["properties"].items()
    return {name: part["default"] for name, part in parts if "default" in part}


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Follow references and fold `anyOf`; what stands nearer to the field wins."""
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[-1]]
        return _resolved(_merged(target, _without(schema, "$ref")), definitions)
    if "anyOf" in schema:
        options = [option for option in schema["anyOf"] if option.get("type") != "null"]
        rest = _without(schema, "anyOf")
        if len(options) == 1:
            return _resolved(_merged(options[0], rest), definitions)
        if {option.get("type") for option in options} == {"integer", "string"}:
            return {**options[0], **options[1], **rest, "int-or-string": True}
        raise ValueError(f"no structural schema for {schema}")
    return dict(schema)


def _merged(inner: Mapping[str, Any], outer: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**inner, **outer}
    if rules := [*inner.get(VALIDATIONS, []), *outer.get(VALIDATIONS, [])]:
        merged[VALIDATIONS] = rules
    return merged


def _without(schema: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != key}
