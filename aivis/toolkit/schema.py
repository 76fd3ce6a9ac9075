"""JSON Schemas of arguments and results: closed, every field described."""

from typing import Any

from pydantic import BaseModel

from aivis.errors import Invalid


def closed_schema(model: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema (2020-12) of `model`, without titles.

    `Invalid` names the first field that lacks a description or a type, or the object that admits unknown fields.
    """
    schema: dict[str, Any] = _untitled(model.model_json_schema())
    for where, part in [(model.__name__, schema), *_definitions(schema)]:
        _check(where, part)
    return schema


def _definitions(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return list(schema.get("$defs", {}).items())


def _check(where: str, schema: dict[str, Any]) -> None:
    if schema.get("type") != "object":
        return
    if schema.get("additionalProperties") is not False:
        raise Invalid(f"{where}: admits unknown fields; derive it from aivis.toolkit's Arguments, Result or Closed")
    for name, field in schema.get("properties", {}).items():
        if not field.get("description"):
            raise Invalid(f"{where}.{name}: has no description; write a docstring below the field")
        if not field.keys() & {"type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"}:
            raise Invalid(f"{where}.{name}: has no type; Any tells the caller nothing")


def _untitled(value: Any, *, names: bool = False) -> Any:
    """`value` without the titles that pydantic makes of names; a property called title stays (`names`)."""
    if isinstance(value, list):
        return [_untitled(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _untitled(item, names=key in ("properties", "$defs") and not names)
        for key, item in value.items()
        if names or key != "title"
    }
