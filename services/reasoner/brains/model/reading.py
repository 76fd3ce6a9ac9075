"""From a model's answer to a move, or `Invalid` that says why it cannot be one."""

from collections.abc import Mapping
from typing import Any

import orjson
from jsonschema import Draft202012Validator

from aivis.errors import Invalid
from aivis.events.actions import Origin, Purpose
from aivis.events.envelope import JsonObject
from aivis.events.escalations import EscalationReason
from aivis.modules.catalogue import Catalogue, DeclaredTool
from aivis.toolkit.declaration import Risk
from services.reasoner.agents.agent import Problem
from services.reasoner.brains.model import schemas
from services.reasoner.brains.playbook.moves import Ask, Call, Calls, Finding, GiveUp, Move, Solved

MOST_CALLS = 5


def move(output: JsonObject, problem: Problem, catalogue: Catalogue) -> Move:
    """The move that the recorded answer `output` asks for: {text, calls: [{name, arguments}]}."""
    calls = output.get("calls") or []
    if not calls:
        raise Invalid("it called no tool")
    reason = str(output.get("text") or "").strip()[:1_000]
    ends = [call for call in calls if schemas.control_schema(call["name"]) is not None]
    if ends and len(calls) > 1:
        raise Invalid(f"it called {ends[0]['name']} and other tools at once")
    if ends:
        return _end(
            ends[0]["name"], _arguments(ends[0], schemas.control_schema(ends[0]["name"]) or {}), reason, problem
        )
    if len(calls) > MOST_CALLS:
        raise Invalid(f"it called {len(calls)} tools at once; at most {MOST_CALLS}")
    by_wire = {schemas.wire_name(name): tool for name, tool in catalogue.items()}
    read = tuple(_call(call, by_wire, problem) for call in calls)
    return Move(Calls(read), reason or f"Call {', '.join(call.tool for call in read)}.")


def _arguments(call: Mapping[str, Any], schema: JsonObject) -> JsonObject:
    """The call's arguments as the schema wants them; nulls of optional ones are left out."""
    name = call["name"]
    try:
        found = orjson.loads(call["arguments"] or "{}")
    except orjson.JSONDecodeError as error:
        raise Invalid(f"the arguments of {name} are not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Invalid(f"the arguments of {name} are no object")
    required = set(schema.get("required", ()))
    kept = {key: value for key, value in found.items() if value is not None or key in required}
    faults = sorted(Draft202012Validator(schema).iter_errors(kept), key=lambda fault: fault.json_path)
    if faults:
        raise Invalid(f"the arguments of {name}: {faults[0].json_path}: {faults[0].message}")
    return kept


def _call(call: Mapping[str, Any], by_wire: Mapping[str, DeclaredTool], problem: Problem) -> Call:
    tool = by_wire.get(call["name"])
    if tool is None:
        raise Invalid(f"there is no tool {call['name']!r}")
    arguments = _arguments(call, tool.arguments)
    acted = any(each.purpose is Purpose.REMEDY for each in problem.observations)
    look = Purpose.VERIFY if acted else Purpose.CHECK
    return Call(
        tool=tool.name,
        arguments=arguments,
        origins={name: origin(value, problem) for name, value in arguments.items()},
        purpose=look if tool.risk is Risk.READ else Purpose.REMEDY,
    )


def origin(value: object, problem: Problem) -> Origin:
    """Where a value that a model wrote stands already; a value of its own invention is `text`."""
    for name, given in problem.subtask.inputs.items():
        if given == value:
            return problem.origins.get(name, Origin.TICKET)
    if any(_within(value, each.result) for each in problem.observations if each.result is not None):
        return Origin.RESULT
    return Origin.TEXT


def _within(value: object, tree: object) -> bool:
    if isinstance(tree, dict):
        return any(_within(value, each) for each in tree.values())
    if isinstance(tree, list):
        return any(_within(value, each) for each in tree)
    return type(value) is type(tree) and value == tree


def _end(name: str, arguments: JsonObject, reason: str, problem: Problem) -> Move:
    if name == schemas.ASK:
        questions = tuple(arguments["questions"])
        if not questions:
            raise Invalid("it asked the customer nothing")
        return Move(Ask((), questions), reason or "Only the customer knows what is missing.")
    if name == schemas.GIVE_UP:
        known, tried, proposed = (tuple(arguments[part]) for part in ("known", "tried", "proposed"))
        end = GiveUp(EscalationReason.NO_FAULT_FOUND, arguments["reason"], known, tried, proposed)
        return Move(end, arguments["reason"])
    return Move(_finished(arguments, problem), reason or arguments["finding"])


def _finished(arguments: JsonObject, problem: Problem) -> Solved | Finding:
    """Done, if it was looked at: a change that nobody looked at afterwards is not done."""
    purposes = [each.purpose for each in problem.observations if each.result is not None]
    if not purposes:
        raise Invalid("it finished without having looked at anything")
    if Purpose.REMEDY not in purposes:
        return Finding(arguments["fault"], arguments["finding"], tuple(dict.fromkeys(_looked(problem))))
    after = purposes[len(purposes) - purposes[::-1].index(Purpose.REMEDY) :]
    if not after:
        raise Invalid("it finished right after a change, without a fresh look")
    return Solved(arguments["fault"], arguments["finding"])


def _looked(problem: Problem) -> list[str]:
    return [each.tool for each in problem.observations if each.result is not None]
