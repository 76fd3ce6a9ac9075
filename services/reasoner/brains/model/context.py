"""What a model is told: assembled under a budget of tokens, the newest results first to stay."""

import orjson

from aivis.events.envelope import JsonObject
from aivis.modules.describing import describe
from aivis.modules.library import Library
from aivis.modules.schema import AnyModule
from services.reasoner.agents.agent import Agent, Problem
from services.reasoner.brains.model.schemas import wire_name
from services.reasoner.brains.playbook.moves import Observation

BYTES_PER_TOKEN = 3.5
"""A cautious mean for English and JSON; the endpoint's own count is what is recorded."""
_RESULT_BYTES = 6_000


def messages(agent: Agent, problem: Problem, *, tokens: int) -> list[JsonObject]:
    """The chat so far, at most about `tokens`: what does not fit goes, oldest results first."""
    system = {"role": "system", "content": f"{agent.prompt}\n\n# Modules\n\n{_guidance(problem)}"}
    task = {"role": "user", "content": _task(problem)}
    room = tokens - _size([system, task])
    turns: list[list[JsonObject]] = []
    for number, observation in reversed([*enumerate(problem.observations)]):
        turn = _turn(number, observation)
        room -= _size(turn)
        if room < 0 and turns:
            break
        turns.append(turn)
    return [system, task, *(message for turn in reversed(turns) for message in turn)]


def _guidance(problem: Problem) -> str:
    return "\n\n".join(describe(module) for module in relevant(problem.library, problem).values())


def relevant(library: Library, problem: Problem) -> dict[str, AnyModule]:
    """The modules that serve the subtask's intent, or all that the plan names."""
    subtask = problem.subtask
    return {
        name: module
        for name, module in library.modules.items()
        if name in subtask.modules or subtask.intent in module.serves
    }


def _task(problem: Problem) -> str:
    subtask = problem.subtask
    task = {
        "goal": subtask.goal,
        "inputs": subtask.inputs,
        "symptoms": subtask.symptoms,
        "customer_language": problem.language,
        "what_the_customer_wrote": problem.question[:8_000],
    }
    return orjson.dumps(task, option=orjson.OPT_INDENT_2).decode()


def _turn(number: int, observation: Observation) -> list[JsonObject]:
    id = f"call_{number}"
    function = {"name": wire_name(observation.tool), "arguments": orjson.dumps(observation.arguments).decode()}
    call = {"id": id, "type": "function", "function": function}
    result = orjson.dumps(observation.result).decode() if observation.result is not None else observation.failure
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": id, "content": _cut(result)},
    ]


def _cut(text: str) -> str:
    return text if len(text) <= _RESULT_BYTES else f"{text[:_RESULT_BYTES]} ... ({len(text)} characters in all)"


def _size(parts: list[JsonObject]) -> int:
    return int(sum(len(orjson.dumps(part)) for part in parts) / BYTES_PER_TOKEN)
