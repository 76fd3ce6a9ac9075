"""JSON Schemas as endpoints take them strictly: the part of the language that all of them know.

Of what they differ in (pattern, format, bounds, defaults) the model is told in words; the answer is checked against the
whole schema here. Source: OpenAI, Structured Outputs, 'Supported schemas'; Anthropic's strict tools allow still less.
"""

from typing import Any

from aivis.errors import Invalid
from aivis.events.envelope import JsonObject

_KEPT = frozenset({"type", "properties", "required", "additionalProperties", "items", "enum", "anyOf", "description"})
_SAID = {
    "pattern": "must match {}",
    "format": "a {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "over {}",
    "exclusiveMaximum": "under {}",
    "multipleOf": "a multiple of {}",
    "minItems": "at least {} of them",
    "maxItems": "at most {} of them",
    "default": "null means {}",
}
_NEITHER = frozenset({"title", "examples", "$defs", "$schema", "$id", "$comment", "uniqueItems", "deprecated"})
"""What can be left unsaid."""
_DEEPEST = 10
_NULL: JsonObject = {"type": "null"}


def strict(schema: JsonObject) -> JsonObject:
    """The schema with every object closed and every property required; what was optional may be null instead.

    `Invalid` when it says what cannot be said so: an object of free form, conditions, a schema within itself.
    """
    if schema.get("type") != "object":
        raise Invalid("the arguments are no object")
    return _strict(schema, schema, 0)


def _strict(part: JsonObject, root: JsonObject, depth: int) -> JsonObject:
    if depth > _DEEPEST * 2:
        raise Invalid("the schema is nested too deep, or in itself")
    part = _plain(part, root)
    unknown = part.keys() - _KEPT - _SAID.keys() - _NEITHER
    if unknown:
        raise Invalid(f"{', '.join(sorted(unknown))} cannot be said strictly")
    changed = {name: value for name, value in part.items() if name in _KEPT}
    if "anyOf" in part:
        changed["anyOf"] = [_strict(option, root, depth + 1) for option in part["anyOf"]]
    if "items" in part:
        changed["items"] = _strict(part["items"], root, depth + 1)
    if part.get("type") == "object":
        changed |= _closed(part, root, depth)
    words = "; ".join(_SAID[name].format(part[name]) for name in _SAID if part.get(name) is not None)
    if words:
        changed["description"] = f"{part['description']} ({words})" if part.get("description") else words
    return changed


def _closed(part: JsonObject, root: JsonObject, depth: int) -> JsonObject:
    if part.get("additionalProperties", True) is not False:
        raise Invalid("an object admits unknown fields")
    required = part.get("required", ())
    properties = {
        name: _strict(member, root, depth + 1) if name in required else _nullable(_strict(member, root, depth + 1))
        for name, member in part.get("properties", {}).items()
    }
    return {"properties": properties, "required": [*properties], "additionalProperties": False}


def _nullable(part: JsonObject) -> JsonObject:
    if _NULL in part.get("anyOf", ()):
        return part
    inner = {name: value for name, value in part.items() if name != "description"}
    outer = {"description": part["description"]} if "description" in part else {}
    return {"anyOf": [inner, _NULL], **outer}


def _plain(part: JsonObject, root: JsonObject) -> JsonObject:
    """Without references, `oneOf` and `const`, which have other words."""
    for _ in range(_DEEPEST):
        if "$ref" not in part:
            break
        siblings = {name: value for name, value in part.items() if name != "$ref"}
        part = {**_resolved(part["$ref"], root), **siblings}
    changed = dict(part)
    if "oneOf" in changed and "anyOf" not in changed:
        changed["anyOf"] = changed.pop("oneOf")
    if "const" in changed:
        changed["enum"] = [changed.pop("const")]
    return changed


def _resolved(reference: str, root: JsonObject) -> JsonObject:
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise Invalid(f"the reference {reference} leads nowhere")
    return found


def loose(value: Any, schema: JsonObject, root: JsonObject) -> Any:
    """What was answered to `strict(schema)`, as `schema` itself has it: nulls of optional properties are left out."""
    part = _plain(schema, root)
    if isinstance(value, dict):
        form = _option(part, "object", root)
        members, required = form.get("properties", {}), form.get("required", ())
        kept = {name: each for name, each in value.items() if each is not None or name in required}
        return {name: loose(each, members.get(name, {}), root) for name, each in kept.items()}
    if isinstance(value, list):
        items = _option(part, "array", root).get("items", {})
        return [loose(each, items, root) for each in value]
    return value


def _option(part: JsonObject, kind: str, root: JsonObject) -> JsonObject:
    """The part itself, or the first of its alternatives that is of this kind."""
    options = [part, *(_plain(option, root) for option in part.get("anyOf", ()))]
    return next((option for option in options if option.get("type") == kind), {})
