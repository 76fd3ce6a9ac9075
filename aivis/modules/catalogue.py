"""The tools that modules may name, as a tool server declares them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from aivis.errors import Invalid
from aivis.events.envelope import JsonObject
from aivis.toolkit.declaration import Risk, Tool


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class DeclaredTool:
    """What the linter and a model know of a tool: JSON Schemas (2020-12) of its arguments and result, its risk."""

    name: str
    arguments: JsonObject
    result: JsonObject
    risk: Risk
    undoable: bool = False
    """Whether the tool can itself reverse a call."""
    description: str = ""
    """What it does and when to use it."""


Catalogue = Mapping[str, DeclaredTool]
"""By name."""


_FILE = TypeAdapter(list[DeclaredTool])


def declared(tool: Tool[Any]) -> DeclaredTool:
    """What the catalogue says of a tool of the SDK."""
    return DeclaredTool(
        name=tool.name,
        arguments=tool.arguments_schema,
        result=tool.result_schema,
        risk=tool.risk,
        undoable=tool.undo is not None,
        description=tool.description,
    )


def written(tools: Iterable[DeclaredTool]) -> bytes:
    """The file `tools.json` of a domain: the same bytes for the same tools."""
    rows = _FILE.dump_python(sorted(tools, key=lambda tool: tool.name), mode="json")
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read(path: Path) -> Catalogue:
    """The tools in a domain's `tools.json`; `Invalid` says what is wrong with the file, and where in it."""
    try:
        found = _FILE.validate_json(path.read_bytes())
    except OSError as error:
        raise Invalid(f"{path}: cannot be read: {error.strerror}; it holds the tools' declarations") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Invalid(f"{path}: {'.'.join(map(str, first['loc'])) or 'whole file'}: {first['msg']}") from error
    catalogue = {tool.name: tool for tool in found}
    if len(catalogue) < len(found):
        raise Invalid(f"{path}: a tool is declared twice")
    return catalogue


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
