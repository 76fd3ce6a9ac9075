"""An OpenAI-compatible endpoint: one question, one whole answer, or an error that says what went wrong."""

import asyncio
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import openai
from httpx2 import ConnectError, ConnectTimeout
from openai import AsyncOpenAI, AsyncStream

from aivis.errors import Invalid
from aivis.events.envelope import JsonObject
from aivis.failpoints import around
from services.reasoner.brains.model.gathering import Gathered
from services.reasoner.brains.model.ports import Answer, Prompt, Unavailable

_OURS = frozenset({"model", "messages", "tools", "stream", "stream_options", "n"})
_OF_THIS_QUESTION = frozenset({400, 413, 422})
"""Statuses that refuse what was asked; any other failure is the endpoint's."""
_HINTS = {
    401: "is AIVIS_REASONER_MODEL_KEY right?",
    403: "may AIVIS_REASONER_MODEL_KEY use this model?",
    404: "are AIVIS_REASONER_MODEL_URL (with its /v1) and AIVIS_REASONER_MODEL_NAME right?",
}
_ASK_AGAIN = 30.0
"""Seconds for which an answer to `ping` is good."""


@dataclass(frozen=True)
class Place:
    """Where a model is, and how it is asked."""

    url: str
    name: str
    key: str = field(default="", repr=False)
    seconds: float = 60
    """For one answer, streaming included."""
    options: JsonObject = field(default_factory=dict)
    """Further fields of every request; null takes one of ours out."""

    def checked(self) -> "Place":
        """The place itself; `Invalid` names the setting that is wrong."""
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Invalid(f"AIVIS_REASONER_MODEL_URL={self.url!r}: must be an http(s) address, as https://host/v1")
        if not self.name:
            raise Invalid("AIVIS_REASONER_MODEL_NAME is not set: name the model to ask for at AIVIS_REASONER_MODEL_URL")
        ours = ", ".join(sorted(_OURS & self.options.keys()))
        if ours:
            raise Invalid(f"AIVIS_REASONER_MODEL_OPTIONS: {ours}: set by us, take it out")
        return self


class OpenAiEndpoint:
    """Streams every answer, and never tries a second time by itself."""

    def __init__(self, place: Place) -> None:
        self._place = place.checked()
        self._client = AsyncOpenAI(
            base_url=place.url, api_key=place.key or "none", max_retries=0, timeout=place.seconds
        )
        self._pinged: tuple[float, str] | None = None

    @property
    def name(self) -> str:
        return self._place.name

    async def ask(self, prompt: Prompt) -> Answer:
        gathered = Gathered()
        try:
            async with asyncio.timeout(self._place.seconds):
                await self._stream(prompt, gathered)
        except openai.APIStatusError as error:
            raise self._refusal(error) from error
        except (openai.OpenAIError, ValueError, Invalid) as error:  # ValueError: an event that is no JSON, or no UTF-8
            return self._broken(gathered, self._words(error), error)
        except TimeoutError as error:
            return self._broken(gathered, f"no whole answer in {self._place.seconds:g} s", error)
        return gathered.answer() if gathered.begun else self._broken(gathered, "the answer was empty", None)

    async def ping(self) -> None:
        if self._pinged is None or monotonic() - self._pinged[0] > _ASK_AGAIN:
            self._pinged = (monotonic(), await self._trouble())
        if self._pinged[1]:
            raise Unavailable(self._pinged[1])

    async def close(self) -> None:
        await self._client.close()

    async def _stream(self, prompt: Prompt, gathered: Gathered) -> None:
        body = {
            "model": self.name,
            "messages": prompt.messages,
            "tools": prompt.tools,
            "tool_choice": "required",
            "stream_options": {"include_usage": True},
            **self._place.options,
            "stream": True,
        }
        kept = {name: value for name, value in body.items() if value is not None}
        with around("model.ask"):
            # As plain JSON: the SDK's own types believe whatever comes.
            stream = await self._client.post(
                "/chat/completions", body=kept, cast_to=object, stream=True, stream_cls=AsyncStream[object]
            )
            async with stream:
                kind = stream.response.headers.get("content-type", "")
                if "text/event-stream" not in kind:
                    raise Invalid(f"it answers {kind[:80] or 'nothing'} where a stream of events is asked for")
                async for chunk in stream:
                    gathered.add(chunk)

    def _broken(self, gathered: Gathered, trouble: str, error: Exception | None) -> Answer:
        """What came before it broke off; `Unavailable` when nothing did."""
        said = f"{self._who}: {trouble}"
        if not gathered.begun:
            raise Unavailable(said, free=_never_arrived(error)) from error
        return gathered.answer(said)

    def _refusal(self, error: openai.APIStatusError) -> Exception:
        status = error.status_code
        hint = f" ({_HINTS[status]})" if status in _HINTS else ""
        said = f"{self._who}: HTTP {status}{hint}: {self._words(error)}"
        if status in _OF_THIS_QUESTION:
            return Invalid(said)
        return Unavailable(said, seconds=_retry_after(error), free=status < HTTPStatus.INTERNAL_SERVER_ERROR)

    async def _trouble(self) -> str:
        """What is wrong; any answer but a refused key or a fault of the server's will do: not all list their models."""
        try:
            await self._client.models.list(timeout=2)
        except openai.APIStatusError as error:
            if error.status_code in {401, 403} or error.status_code >= 500:
                return str(self._refusal(error))
        except openai.OpenAIError as error:
            return f"{self._who}: {self._words(error)}"
        except ValueError:
            return f"{self._who}: its list of models is not JSON (is AIVIS_REASONER_MODEL_URL right?)"
        return ""

    @property
    def _who(self) -> str:
        return f"model {self.name} at {urlsplit(self._place.url).netloc.rpartition('@')[2]}"

    def _words(self, error: Exception) -> str:
        """The error in a few words, without the key, which some endpoints repeat."""
        cause = f" ({error.__cause__})" if isinstance(error, openai.APIConnectionError) and error.__cause__ else ""
        words = f"{error}{cause}".replace("\x00", "")
        return (words.replace(self._place.key, "***") if self._place.key else words)[:300]


def _never_arrived(error: Exception | None) -> bool:
    """Whether there was no connection to ask over."""
    return isinstance(error, openai.APIConnectionError) and isinstance(error.__cause__, ConnectError | ConnectTimeout)


def _retry_after(error: openai.APIStatusError) -> float:
    """Seconds that the endpoint asks to be left alone; 0 when it does not say."""
    text: Any = error.response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else 0
