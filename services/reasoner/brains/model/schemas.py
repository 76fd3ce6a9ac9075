"""Tools as the model sees them: those of the domain, and those that end a subtask or take a change back."""

from collections.abc import Iterable

from aivis.errors import Invalid
from aivis.events.envelope import JsonObject
from aivis.modules.catalogue import Catalogue, DeclaredTool
from services.reasoner.brains.model.strict import strict

FINISH, ASK, GIVE_UP, UNDO = "finish", "ask", "give_up", "undo"
_LONGEST_NAME = 64
_LONGEST_DESCRIPTION = 1_000
_SAYS = {
    FINISH: (
        "The subtask is done: mended and seen to be, carried out, or nothing is wrong. `finding` is what the customer"
        " reads: what was wrong and what was done, in the customer's language."
    ),
    ASK: "Ask the customer for what only they know, in their language.",
    GIVE_UP: "A person must go on: say why, and what is known, tried and proposed.",
    UNDO: "Put back what an earlier call changed. `call` is that call's id.",
}


def wire_name(tool: str) -> str:
    """A tool's name as endpoints allow it: letters, digits, `_` and `-`."""
    return tool.replace(".", "__")


def checked(catalogue: Catalogue) -> Catalogue:
    """The catalogue itself; `Invalid` names a tool that cannot be told apart on the wire."""
    names: dict[str, str] = {}
    for tool in catalogue:
        name = wire_name(tool)
        if name in names or name in _SAYS or len(name) > _LONGEST_NAME:
            why = f"is also {names[name]}" if name in names else f"is taken, or over {_LONGEST_NAME} characters"
            raise Invalid(f"tool {tool}: a model would know it as {name}, which {why}: rename it")
        names[name] = tool
    return catalogue


def function(tool: DeclaredTool) -> JsonObject:
    """A tool of the domain, as a chat completion takes it; strict if its schema can be said strictly."""
    risk = f"Risk: {tool.risk}{', can be undone' if tool.undoable else ''}."
    says = f"{' '.join(tool.description.split())[:_LONGEST_DESCRIPTION]} {risk}".strip()
    try:
        return _function(wire_name(tool.name), says, strict(tool.arguments), is_strict=True)
    except Invalid:
        return _function(wire_name(tool.name), says, tool.arguments, is_strict=False)


def controls(faults: Iterable[str]) -> list[JsonObject]:
    """The tools that end a subtask; only `faults` can be named as what was wrong."""
    made = control_schemas(faults)
    return [_function(name, _SAYS[name], strict(schema), is_strict=True) for name, schema in made.items()]


def control_schemas(faults: Iterable[str]) -> dict[str, JsonObject]:
    """Their arguments, by name, with the bounds that an answer is held to."""
    fault = {"enum": ["", *faults], "type": "string", "description": "The module that explains it; empty: none does."}
    return {
        FINISH: _closed(fault=fault, finding=_text(2_000)),
        ASK: _closed(questions=_texts(5, 300) | {"minItems": 1}),
        GIVE_UP: _closed(reason=_text(1_000), known=_texts(10, 500), tried=_texts(10, 500), proposed=_texts(10, 500)),
        UNDO: _closed(call=_text(20)),
    }


def _text(longest: int) -> JsonObject:
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": r"\S"}


def _texts(most: int, longest: int) -> JsonObject:
    return {"type": "array", "maxItems": most, "items": _text(longest)}


def _closed(**properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _function(name: str, says: str, parameters: JsonObject, *, is_strict: bool) -> JsonObject:
    made = {"name": name, "description": says, "parameters": parameters, "strict": is_strict}
    return {"type": "function", "function": made}
