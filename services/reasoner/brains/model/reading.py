"""From a model's answer to a move, or `Invalid` that says why it cannot be one."""

from collections.abc import Mapping
from typing import Any

import orjson
from jsonschema import Draft202012Validator

from aivis.errors import Invalid
from aivis.events.envelope import JsonObject
from aivis.modules.catalogue import DeclaredTool
from aivis.toolkit.declaration import Risk
from services.reasoner.brains.model import calling, ending, schemas
from services.reasoner.brains.model.situation import Situation
from services.reasoner.brains.model.strict import loose
from services.reasoner.brains.model.toolset import faults
from services.reasoner.brains.playbook.moves import Calls, Move

MOST_CALLS = 5
_DEEPEST = 20
"""Levels of a call's arguments."""
_WHOLE = frozenset({"stop", "tool_calls", "function_call"})
_CUT = {
    "length": "the answer was cut at the limit of its tokens",
    "content_filter": "the endpoint's content filter stopped the answer",
}


def move(output: JsonObject, situation: Situation) -> Move:
    """The move that the recorded answer asks for: {text, calls: [{name, arguments}], finish, trouble}."""
    calls = _whole(output)
    reason = " ".join(str(output.get("text") or "").split())[:1_000]
    controls = schemas.control_schemas(faults(situation.problem))
    ends = [call for call in calls if call["name"] in controls]
    if ends and len(calls) > 1:
        raise Invalid(f"it called {ends[0]['name']} and other tools at once")
    if ends:
        name = ends[0]["name"]
        return ending.move(name, _arguments(ends[0], controls[name]), reason, situation)
    return _calls(calls, reason, situation)


def _whole(output: JsonObject) -> list[JsonObject]:
    """The calls of an answer that is all there."""
    finish = str(output.get("finish", ""))
    if output.get("trouble"):
        raise Invalid(str(output["trouble"]))
    if finish not in _WHOLE:
        raise Invalid(_CUT.get(finish, f"the answer ended with {finish!r}"))
    calls: list[JsonObject] = output.get("calls") or []
    if not calls:
        said = str(output.get("text") or "").strip()[:100]
        raise Invalid(f"it called no tool{f', and said: {said}' if said else ''}")
    if len(calls) > MOST_CALLS:
        raise Invalid(f"it called {len(calls)} tools at once; at most {MOST_CALLS} are taken")
    return calls


def _calls(calls: list[JsonObject], reason: str, situation: Situation) -> Move:
    offered = {schemas.wire_name(tool.name): tool for tool in situation.toolset.tools}
    wanted = [_wanted(call, offered) for call in calls]
    effects = [tool.name for tool, _ in wanted if tool.risk is not Risk.READ]
    if effects and len(wanted) > 1:
        raise Invalid(f"it called {effects[0]} beside other tools: changes are made one at a time")
    made = [calling.call(tool, arguments, situation) for tool, arguments in wanted]
    distinct = tuple(each for n, each in enumerate(made) if each not in made[:n])
    why = reason or f"Call {', '.join(each.tool for each in distinct)}."
    return Move(Calls(distinct), why, situation.grounds.move.hypotheses)


def _wanted(call: Mapping[str, Any], offered: Mapping[str, DeclaredTool]) -> tuple[DeclaredTool, JsonObject]:
    tool = offered.get(call["name"])
    if tool is None:
        raise Invalid(f"it called {str(call['name'])[:80]!r}: no such tool was offered")
    return tool, _arguments(call, tool.arguments)


def _arguments(call: Mapping[str, Any], schema: JsonObject) -> JsonObject:
    """The call's arguments as the schema wants them; nulls of optional ones are left out."""
    what = f"the arguments of {call['name']}"
    try:
        found = orjson.loads(call["arguments"] or "{}")
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{what} are not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Invalid(f"{what} are no object")
    if "\\u0000" in call["arguments"]:
        raise Invalid(f"{what} hold the character NUL")
    if _deeper(found, _DEEPEST):
        raise Invalid(f"{what} are nested deeper than {_DEEPEST} levels")
    kept: JsonObject = loose(found, schema, schema)
    fault = next(iter(sorted(Draft202012Validator(schema).iter_errors(kept), key=lambda each: each.json_path)), None)
    if fault is not None:
        raise Invalid(f"{what}: {fault.json_path}: {_short(fault.message)}")
    return kept


def _deeper(value: object, levels: int) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(_deeper(child, levels - 1) for child in children)


def _short(message: str) -> str:
    """The beginning and the end: in between is what the model wrote, however long."""
    return message if len(message) <= 200 else f"{message[:100]} ... {message[-90:]}"
