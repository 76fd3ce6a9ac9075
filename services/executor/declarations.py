"""Declared tools: what is checked before one may be called, and its arguments and results against their schemas."""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from aivis.errors import Invalid
from aivis.events.envelope import JsonObject
from aivis.toolkit.declaration import NAME, Repeat, Risk
from services.executor.ports import Declaration

LONGEST_TIMEOUT = timedelta(hours=1)
LONGEST_WINDOW = timedelta(days=366)
LONGEST_SETTLING = timedelta(days=1)
MAX_DEPTH = 40
"""Of a result: it is nested in an event, which may be 64 levels deep."""
_LOCAL_REFERENCE = re.compile(r"^#")


@dataclass(frozen=True)
class Tool:
    """A declared tool that was found sound."""

    declaration: Declaration
    risk: Risk
    repeat: Repeat
    arguments_schema: JsonObject
    result_schema: JsonObject

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def is_effect(self) -> bool:
        return self.risk is not Risk.READ

    @cached_property
    def _arguments(self) -> Draft202012Validator:
        return _validator(self.arguments_schema)

    @cached_property
    def _result(self) -> Draft202012Validator:
        return _validator(self.result_schema)

    def check_arguments(self, arguments: JsonObject) -> None:
        """`Invalid` names the first argument at fault."""
        _check(self._arguments, arguments, f"arguments of {self.name}")

    def read_result(self, content: bytes) -> JsonObject:
        """The result in `content`, or `Invalid` saying in what it is not as declared."""
        what = f"result of {self.name} (tell {self.declaration.owner})"
        result = read_object(content, what)
        _check(self._result, result, what)
        return result


def read_object(content: bytes, what: str) -> JsonObject:
    """The JSON object in `content`; `Invalid` begins with `what`."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{what}: not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Invalid(f"{what}: not a JSON object")
    if _deeper(found, MAX_DEPTH):
        raise Invalid(f"{what}: nested deeper than {MAX_DEPTH} levels")
    return found


def checked(declaration: Declaration) -> Tool:
    """The tool, when its declaration is complete and sound; `Invalid` says all that is not."""
    faults = [*_about_itself(declaration), *_about_repeats(declaration)]
    arguments, arguments_fault = _schema(declaration.arguments_schema, "arguments_schema")
    result, result_fault = _schema(declaration.result_schema, "result_schema")
    faults += [fault for fault in (arguments_fault, result_fault) if fault]
    if not arguments_fault:
        faults += _about_arguments(declaration, arguments)
    if faults or declaration.risk is None or declaration.repeat is None:
        raise Invalid(f"tool {declaration.name!r} is not declared as it must be: {'; '.join(faults)}")
    return Tool(declaration, declaration.risk, declaration.repeat, arguments, result)


def _about_itself(it: Declaration) -> list[str]:
    rules = [
        (NAME.match(it.name) is not None, "the name must be DOMAIN.VERB in lower case"),
        (bool(it.description.strip()), "the description is empty: say what it does and when to use it"),
        (bool(it.owner.strip()), "the owner is empty: name who answers for it"),
        (bool(it.version), "the version is empty"),
        (it.risk is not None, "the risk is not declared: read, reversible or destructive"),
        (it.repeat is not None, "the repeat is not declared: dedupes, lookup or neither"),
        (timedelta(0) < it.timeout <= LONGEST_TIMEOUT, f"the timeout must be over 0 and at most {LONGEST_TIMEOUT}"),
        (it.dedupe_window <= LONGEST_WINDOW, f"the dedupe_window must be at most {LONGEST_WINDOW}"),
        (it.settling_time <= LONGEST_SETTLING, f"the settling_time must be at most {LONGEST_SETTLING}"),
        (not (it.undoable and it.risk is Risk.READ), "it changes nothing, so it cannot be undoable"),
    ]
    return [what for sound, what in rules if not sound]


def _about_repeats(it: Declaration) -> list[str]:
    if it.risk in (None, Risk.READ):
        return []
    rules = [
        (it.repeat is not Repeat.DEDUPES or it.dedupe_window > timedelta(0), "dedupes, but dedupe_window is 0"),
        (it.repeat is not Repeat.LOOKUP or it.settling_time > timedelta(0), "lookup, but settling_time is 0"),
        (bool(it.resource_argument), "it changes something: resource_argument must name the argument it acts upon"),
    ]
    return [what for sound, what in rules if not sound]


def _about_arguments(it: Declaration, schema: JsonObject) -> list[str]:
    rules = [
        (schema.get("additionalProperties") is False, "arguments_schema must be closed: additionalProperties false"),
        (
            not it.resource_argument or it.resource_argument in schema.get("properties", {}),
            f"resource_argument {it.resource_argument!r} is no property of arguments_schema",
        ),
    ]
    return [what for sound, what in rules if not sound]


def _schema(text: str, name: str) -> tuple[JsonObject, str]:
    """The schema, and what is wrong with it."""
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return {}, f"{name} is not JSON: {error}"
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return {}, f"{name} must be a JSON Schema of type object"
    if _deeper(schema, MAX_DEPTH):
        return {}, f"{name} is nested deeper than {MAX_DEPTH} levels"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return {}, f"{name} is no JSON Schema: at {error.json_path}: {error.message[:200]}"
    foreign = [reference for reference in _references(schema) if not _LOCAL_REFERENCE.match(reference)]
    return schema, f"{name} refers to {foreign[0]!r}: only references within the schema are followed" if foreign else ""


def _references(node: object) -> list[str]:
    if isinstance(node, list):
        return [found for child in node for found in _references(child)]
    if not isinstance(node, dict):
        return []
    own = [value for key, value in node.items() if key in ("$ref", "$dynamicRef") and isinstance(value, str)]
    return own + [found for child in node.values() for found in _references(child)]


def _validator(schema: JsonObject) -> Draft202012Validator:
    # With a registry of its own a validator fetches nothing.
    registry: Registry[Any] = Registry()
    return Draft202012Validator(schema, registry=registry)


def _check(validator: Draft202012Validator, value: JsonObject, what: str) -> None:
    try:
        error = next(iter(validator.iter_errors(value)), None)
    except (RecursionError, Unresolvable) as endless:
        detail = repr(endless)[:200]
        raise Invalid(f"{what}: its schema refers to nothing, or to itself without end: {detail}") from endless
    if error is not None:
        place = ".".join(str(part) for part in error.absolute_path) or "(the object)"
        raise Invalid(f"{what}: {place}: {error.message[:500]}")


def _deeper(node: object, levels: int) -> bool:
    """Whether `node` nests deeper than `levels`."""
    level = [node]
    for _ in range(levels):
        level = [child for each in level for child in _children(each)]
        if not level:
            return False
    return True


def _children(node: object) -> list[object]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [child for child in children if isinstance(child, dict | list)]
