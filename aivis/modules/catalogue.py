"""The tools that modules may name, as a tool server declares them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aivis.events.envelope import JsonObject
from aivis.toolkit.declaration import Risk, Tool


@dataclass(frozen=True)
class DeclaredTool:
    """What the linter knows of a tool: JSON Schemas (2020-12) of its arguments and result, its risk, its undo."""

    name: str
    arguments: JsonObject
    result: JsonObject
    risk: Risk
    undoable: bool = False
    """Whether the tool can itself reverse a call."""


Catalogue = Mapping[str, DeclaredTool]
"""By name."""


def declared(tool: Tool[Any]) -> DeclaredTool:
    """What the linter knows of a tool of the SDK."""
    return DeclaredTool(tool.name, tool.arguments_schema, tool.result_schema, tool.risk, tool.undo is not None)


UNKNOWN: JsonObject = {}
"""The schema of a value that nothing is known about."""


def within(schema: JsonObject, field: str, root: JsonObject) -> JsonObject | None:
    """The schema of `field` in an object, or of the items of a list (`field` "[]"); None when there is no such field.

    Where a schema leaves it open, the answer is UNKNOWN: only what cannot be there is None.
    """
    options = [_member(option, field, root) for option in _options(schema, root)]
    known = [option for option in options if option is not None]
    return known[0] if known else None


def _member(schema: JsonObject, field: str, root: JsonObject) -> JsonObject | None:
    if field == "[]":
        items = schema.get("items", schema.get("additionalProperties", UNKNOWN))
        return items if isinstance(items, dict) else UNKNOWN
    properties = schema.get("properties")
    if properties is not None and field in properties:
        member: JsonObject = properties[field]
        return member
    extra = schema.get("additionalProperties", properties is None)
    if isinstance(extra, dict):
        return extra
    closed = schema.get("type") not in {None, "object"} or extra is False or properties is not None
    return None if closed else UNKNOWN


def _options(schema: JsonObject, root: JsonObject) -> Iterator[JsonObject]:
    """The schema without references, or each of its alternatives but null."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        yield from _options(_resolved(reference, root), root)
    elif "anyOf" in schema or "oneOf" in schema:
        for option in schema.get("anyOf") or schema.get("oneOf") or []:
            yield from _options(option, root)
    elif schema.get("type") != "null":
        yield schema


def _resolved(reference: str, root: JsonObject) -> JsonObject:
    value: Any = root
    for part in reference.removeprefix("#/").split("/"):
        value = value.get(part, {}) if isinstance(value, dict) else {}
    return value if isinstance(value, dict) else UNKNOWN


def fields(schema: JsonObject, root: JsonObject) -> list[str]:
    """The names of an object's fields, to suggest one."""
    return [name for option in _options(schema, root) for name in option.get("properties", {})]
