"""What a model is told: assembled under a budget of tokens, the newest results first to stay."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from aivis.errors import Refused
from aivis.events.envelope import JsonObject
from aivis.modules.catalogue import Catalogue
from services.reasoner.agents.agent import Agent, Problem
from services.reasoner.brains.model import schemas
from services.reasoner.brains.model.ports import Prompt
from services.reasoner.brains.model.tokens import BYTES_PER_TOKEN, tokens_of
from services.reasoner.brains.model.toolset import Toolset, faults, toolset
from services.reasoner.brains.playbook.moves import Observation

_RESULT_BYTES = 6_000
_QUESTION_BYTES = 8_000
_TOOLS_SHARE = 2 / 3
"""Of what the task leaves: for modules and tools; the rest is for results."""
_NOTE_TOKENS = 100
"""Kept for the note on what was left out."""


@dataclass(frozen=True)
class Context:
    """A question, and the tools that an answer to it may call."""

    prompt: Prompt
    toolset: Toolset


def assemble(agent: Agent, problem: Problem, catalogue: Catalogue, *, tokens: int) -> Context:
    """The chat so far and the tools, together at most `tokens`: what does not fit goes, oldest results first.

    `Refused` when not even the task fits.
    """
    controls = schemas.controls(faults(problem))
    task = {"role": "user", "content": _task(problem, tokens)}
    room = tokens - _NOTE_TOKENS - sum(map(tokens_of, (agent.prompt, task, controls)))
    if room < 0:
        raise Refused(f"the task alone takes {tokens - room} tokens: raise AIVIS_REASONER_MODEL_TOKENS={tokens}")
    shown = toolset(agent, problem, catalogue, room=int(room * _TOOLS_SHARE))
    system = {"role": "system", "content": f"{agent.prompt}\n\n# Modules\n\n{shown.guidance}".strip()}
    tools = [*shown.functions, *controls]
    left = tokens - _NOTE_TOKENS - sum(map(tokens_of, (system, task, tools)))
    turns = _turns(problem.observations, left)
    note = _note(problem.observations[: len(problem.observations) - len(turns)])
    chat = [system, task, *note, *(message for turn in turns for message in turn)]
    return Context(Prompt(chat, tools, tokens_of(chat) + tokens_of(tools)), shown)


def _task(problem: Problem, tokens: int) -> str:
    subtask = problem.subtask
    room = min(_QUESTION_BYTES, tokens // 2)
    task: JsonObject = {
        "goal": subtask.goal,
        "inputs": subtask.inputs,
        "symptoms": subtask.symptoms,
        "customer_language": problem.language,
        "what_the_customer_wrote": _cut(problem.question, room),
    }
    if problem.guidance:
        task["what_an_expert_of_ours_said"] = [_cut(text, room // 2) for text in problem.guidance[-2:]]
    return orjson.dumps(task, option=orjson.OPT_INDENT_2).decode()


def _turns(observations: Sequence[Observation], room: int) -> list[list[JsonObject]]:
    """The calls and their results, oldest first, as many of the newest as there is room for."""
    longest = min(_RESULT_BYTES, int(room * BYTES_PER_TOKEN / 3))
    turns: list[list[JsonObject]] = []
    for number, observation in reversed([*enumerate(observations)]):
        turn = _turn(number, observation, longest)
        room -= tokens_of(turn)
        if room < 0:
            break
        turns.insert(0, turn)
    return turns


def call_id(number: int) -> str:
    """The id of the call that observation `number` came of: nine letters and digits, as the strictest endpoints ask."""
    return f"call{number:05d}"


def _turn(number: int, observation: Observation, longest: int) -> list[JsonObject]:
    arguments = orjson.dumps(observation.arguments).decode()
    function = {"name": schemas.wire_name(observation.tool), "arguments": arguments}
    call = {"id": call_id(number), "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id(number), "content": _cut(_outcome(observation), longest)},
    ]


def _outcome(observation: Observation) -> str:
    said = f"This put back what action {observation.undoes} had changed. " if observation.undoes else ""
    if observation.result is not None:
        return said + orjson.dumps(observation.result).decode()
    return f"{'Not allowed' if observation.forbidden else 'Failed'}: {observation.failure}"


def _note(dropped: Sequence[Observation]) -> list[JsonObject]:
    if not dropped:
        return []
    tools = ", ".join(dict.fromkeys(schemas.wire_name(each.tool) for each in dropped))
    text = f"{len(dropped)} earlier calls are left out for length: {tools}"
    return [{"role": "user", "content": _cut(text, int(_NOTE_TOKENS * BYTES_PER_TOKEN / 2))}]


def _cut(text: str, most: int) -> str:
    """At most about `most` bytes of the text, which says so when it was cut."""
    whole = text.encode()
    if len(whole) <= most:
        return text
    return f"{whole[:most].decode(errors='ignore')} ... ({len(text)} characters in all)"
