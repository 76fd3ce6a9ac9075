"""Tools as the model sees them: strict schemas, and the tools that end a subtask."""

from copy import deepcopy

from aivis.events.envelope import JsonObject
from aivis.modules.catalogue import DeclaredTool

FINISH, ASK, GIVE_UP = "finish", "ask", "give_up"
_TEXT = {"type": "string", "maxLength": 2_000}
_TEXTS = {"type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 500}}
_CONTROL: dict[str, tuple[str, JsonObject]] = {
    FINISH: (
        "The subtask is done: mended and seen to be, carried out, or nothing is wrong. `finding` is for the customer.",
        {"fault": {"type": "string", "maxLength": 80}, "finding": _TEXT},
    ),
    ASK: ("Ask the customer for what only they know.", {"questions": _TEXTS}),
    GIVE_UP: (
        "A person must go on: say why, and what is known, tried and proposed.",
        {"reason": _TEXT, "known": _TEXTS, "tried": _TEXTS, "proposed": _TEXTS},
    ),
}


def functions(tools: list[DeclaredTool]) -> list[JsonObject]:
    """The `tools` of a chat completion: those of the domain, then those that end the subtask."""
    domain = [_function(wire_name(tool.name), tool.name, strict(tool.arguments)) for tool in tools]
    control = [_function(name, says, _closed(properties)) for name, (says, properties) in _CONTROL.items()]
    return domain + control


def control_schema(name: str) -> JsonObject | None:
    """The arguments of a tool that ends a subtask; None for any other name."""
    return _closed(_CONTROL[name][1]) if name in _CONTROL else None


def wire_name(tool: str) -> str:
    """A tool's name as endpoints allow it: letters, digits, `_` and `-`."""
    return tool.replace(".", "__")


def _function(name: str, says: str, parameters: JsonObject) -> JsonObject:
    function = {"name": name, "description": says, "parameters": parameters, "strict": True}
    return {"type": "function", "function": function}


def _closed(properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def strict(schema: JsonObject) -> JsonObject:
    """The schema with every property required; those that were optional may be null instead."""
    changed = deepcopy(schema)
    for part in _objects(changed):
        properties = part.get("properties", {})
        optional = set(properties) - set(part.get("required", ()))
        for name in optional:
            properties[name].pop("default", None)
            properties[name] = {"anyOf": [properties[name], {"type": "null"}]}
        part["required"] = [*properties]
        part["additionalProperties"] = False
    return changed


def _objects(node: object) -> list[JsonObject]:
    """Every object schema in `node`, innermost last."""
    if isinstance(node, list):
        return [found for each in node for found in _objects(each)]
    if not isinstance(node, dict):
        return []
    below = [found for each in node.values() for found in _objects(each)]
    return [node, *below] if node.get("type") == "object" else below
