"""The port behind which brains decide: with a model, or by the playbook alone."""

from dataclasses import dataclass
from typing import Protocol

from aivis.events.cases import ModelResponded
from services.reasoner.agents.agent import Problem
from services.reasoner.brains.playbook.moves import Move


class Account(Protocol):
    """What a subtask's questions to a model cost its case: durable before they are asked."""

    async def reserve(self, prompt: int, completion: int) -> None:
        """A question of at most so many tokens is about to be asked. `Refused` when the case may not spend them."""

    async def record(self, response: ModelResponded) -> None:
        """Make the answer durable, before anything acts on it, and what it cost."""

    def unanswered(self, *, free: bool) -> None:
        """There is no answer: the question cost nothing, or what it cost is not known and all of it counts."""


@dataclass(frozen=True)
class Thought:
    """A decision and whose it is."""

    move: Move
    brain: str
    """`playbook`, or the model's name."""


class Brain(Protocol):
    """Decides the next move of a subtask."""

    async def decide(self, problem: Problem, response: ModelResponded | None, account: Account) -> Thought:
        """The next move. `response` is what a model said before a crash and nobody acted on.

        A question is on the `account` before it is asked, and its answer before anything acts on it.
        """
