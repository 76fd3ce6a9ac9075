"""Plays a subtask to its end against a world: decides, calls, observes, decides again."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from aivis.errors import AivisError, Refused
from aivis.events.actions import Purpose
from aivis.events.envelope import JsonObject
from aivis.events.plans import AgentName, Subtask
from aivis.modules.library import Library
from services.reasoner.brains.playbook.deciding import decide
from services.reasoner.brains.playbook.moves import Call, Calls, Move, Observation


class Forbidden(Refused):
    """Policy or a person said no."""


class World(Protocol):
    """What the tools act upon."""

    def call(self, tool: str, arguments: JsonObject, action: str) -> JsonObject: ...

    def undo(self, action: str) -> JsonObject: ...


@dataclass
class Played:
    """A subtask that has come to its end."""

    end: Move
    observations: list[Observation] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)

    def tools(self, *purposes: Purpose) -> list[str]:
        return [each.tool for each in self.observations if not purposes or each.purpose in purposes]

    @property
    def repeated(self) -> list[str]:
        """Remedies that were carried out more than once with the same arguments."""
        counted = Counter(
            f"{each.module} {each.tool} {each.arguments}"
            for each in self.observations
            if each.purpose is Purpose.REMEDY
        )
        return [what for what, times in counted.items() if times > 1]


def subtask(intent: str, agent: AgentName = AgentName.DIAGNOSTIC, **more: object) -> Subtask:
    return Subtask.model_validate({"id": "s1", "goal": intent, "agent": agent, "intent": intent, **more})


def play(task: Subtask, library: Library, world: World, *, most: int = 80) -> Played:
    observations: list[Observation] = []
    moves: list[Move] = []
    for _ in range(most):
        move = decide(task, library, observations)
        moves.append(move)
        if not isinstance(move.next, Calls):
            return Played(move, observations, moves)
        assert move.next.calls, "a move that calls has calls"
        for call in move.next.calls:
            observations.append(_observe(call, world, f"a{len(observations)}"))
    raise AssertionError(f"no end after {most} moves: {[each.reason for each in moves[-6:]]}")


def _observe(call: Call, world: World, action: str) -> Observation:
    undoing = call.purpose is Purpose.UNDO and call.undoes
    result: JsonObject | None = None
    failure, forbidden = "", False
    try:
        result = world.undo(call.undoes) if undoing else world.call(call.tool, call.arguments, action)
    except AivisError as error:
        failure, forbidden = str(error), isinstance(error, Forbidden)
    return Observation(
        call.tool, call.arguments, result, failure, call.purpose, call.module, action, forbidden, call.undoes
    )
