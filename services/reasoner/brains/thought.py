"""The port behind which brains decide: with a model, or by the playbook alone."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from aivis.events.cases import ModelResponded
from services.reasoner.agents.agent import Problem
from services.reasoner.brains.playbook.moves import Move

Record = Callable[[ModelResponded], Awaitable[None]]
"""Makes a model's raw output durable."""


@dataclass(frozen=True)
class Thought:
    """A decision and whose it is."""

    move: Move
    brain: str
    """`playbook`, or the model's name."""


class Brain(Protocol):
    """Decides the next move of a subtask."""

    async def decide(self, problem: Problem, response: ModelResponded | None, record: Record) -> Thought:
        """The next move. `response` is what a model said before a crash and nobody acted on.

        Raw output of a model is given to `record` before anything acts on it.
        """
