"""What the model brain asks, and where: the port of the endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aivis.errors import Transient
from aivis.events.envelope import JsonObject


@dataclass(frozen=True)
class Prompt:
    """One question to a model, in the form of a chat completion."""

    messages: Sequence[JsonObject]
    tools: Sequence[JsonObject]
    tokens: int
    """About how many it takes; the endpoint's own count is what is recorded."""


@dataclass(frozen=True)
class ToolCall:
    """A call as the model wrote it: `arguments` is text that may or may not be JSON."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Answer:
    """What the model said, whole or as far as it came."""

    text: str
    calls: tuple[ToolCall, ...]
    finish: str = ""
    """Why it ended, in the endpoint's word; empty when it did not end."""
    trouble: str = ""
    """Why it is not whole, when it is not: nothing may act on it."""
    prompt_tokens: int | None = None
    """As the endpoint counts them; None when it does not say."""
    completion_tokens: int | None = None


class Unavailable(Transient):
    """The endpoint is in trouble, whatever it is asked: it is left alone for a while, `seconds` if it said so."""

    def __init__(self, message: str, *, seconds: float = 0, free: bool = False) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.free = free
        """Whether it is certain that the question cost nothing: it did not arrive, or was turned away."""


class Endpoint(Protocol):
    """Where the model is."""

    @property
    def name(self) -> str:
        """Of the model."""

    async def ask(self, prompt: Prompt) -> Answer:
        """One answer, whose `trouble` says when it broke off under way.

        `Unavailable` when there was none: down, slow, over its limit, not what it should be. `Invalid` when the
        endpoint refuses this question.
        """

    async def ping(self) -> None:
        """`Unavailable` unless the endpoint answers."""
