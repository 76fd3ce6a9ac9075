"""The endpoint: one question, one whole answer, or an error that says what went wrong."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import openai
from openai import AsyncOpenAI

from aivis.errors import Invalid, Transient
from aivis.events.envelope import JsonObject


@dataclass(frozen=True)
class ToolCall:
    """A call as the model wrote it: `arguments` is text that may or may not be JSON."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Answer:
    """What the model said, whole."""

    text: str
    calls: tuple[ToolCall, ...]
    prompt_tokens: int
    completion_tokens: int


class Endpoint(Protocol):
    """Where the model is."""

    name: str
    """Of the model."""

    async def ask(self, messages: Sequence[JsonObject], tools: Sequence[JsonObject]) -> Answer:
        """One answer.

        `Transient` when the endpoint is down, slow, over its limit, or stops in the middle of a stream;
        `Invalid` when it refuses the question.
        """


class OpenAiEndpoint:
    """An OpenAI-compatible endpoint, streamed, without the SDK's own retries."""

    def __init__(self, url: str, name: str, key: str, *, seconds: float) -> None:
        self.name = name
        self._seconds = seconds
        self._client = AsyncOpenAI(base_url=url, api_key=key or "none", max_retries=0, timeout=seconds)

    async def ask(self, messages: Sequence[JsonObject], tools: Sequence[JsonObject]) -> Answer:
        try:
            return await asyncio.wait_for(self._stream(messages, tools), self._seconds)
        except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError) as error:
            raise Transient(f"model {self.name}: {type(error).__name__}: {error}") from error
        except openai.OpenAIError as error:
            raise Invalid(f"model {self.name}: {type(error).__name__}: {error}") from error
        except TimeoutError as error:
            raise Transient(f"model {self.name}: no whole answer in {self._seconds:.0f} s") from error

    async def _stream(self, messages: Sequence[JsonObject], tools: Sequence[JsonObject]) -> Answer:
        request: Any = {"model": self.name, "messages": list(messages), "tools": list(tools), "temperature": 0}
        stream = await self._client.chat.completions.create(
            **request, stream=True, stream_options={"include_usage": True}
        )
        gathered = _Gathered()
        async for chunk in stream:
            gathered.add(chunk)
        return gathered.answer(self.name)

    async def ping(self) -> None:
        """Raise `Transient` unless the endpoint answers."""
        try:
            await self._client.models.list(timeout=2)
        except openai.OpenAIError as error:
            raise Transient(f"model endpoint: {type(error).__name__}: {error}") from error


class _Gathered:
    """Chunks of a stream on their way to an answer."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: dict[int, list[str]] = {}
        self._finished: str | None = None
        self._usage: tuple[int, int] = (0, 0)

    def add(self, chunk: Any) -> None:
        if chunk.usage is not None:
            self._usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        for choice in chunk.choices[:1]:
            self._text.append(choice.delta.content or "")
            self._finished = choice.finish_reason or self._finished
            for part in choice.delta.tool_calls or ():
                call = self._calls.setdefault(part.index, ["", ""])
                if part.function is not None:
                    call[0] += part.function.name or ""
                    call[1] += part.function.arguments or ""

    def answer(self, model: str) -> Answer:
        """A stream that ends early raises nothing by itself: the missing `finish_reason` tells."""
        if self._finished is None:
            raise Transient(f"model {model}: the stream ended in the middle of the answer")
        if self._finished == "length":
            raise Invalid(f"model {model}: the answer was cut at the token limit")
        calls = tuple(ToolCall(name, arguments) for _, (name, arguments) in sorted(self._calls.items()))
        return Answer("".join(self._text), calls, *self._usage)
