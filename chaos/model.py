"""A model that knows lamps, behind the API that all endpoints share; it is in moods, and counts what it is asked."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from chaos.rack.lamps import MENDS

_LAMP = re.compile(r"lamp-[a-z]+(?:-[a-z]+)?-\d+")
_ANSWER_TOKENS = 40
_BYTES_PER_TOKEN = 3
_HUGE_BYTES, _PIECE_BYTES = 8 * 1024 * 1024, 64 * 1024
_DONE = b"data: [DONE]\n\n"


class Mood(StrEnum):
    """How a question is answered."""

    WELL = "well"
    TOO_MANY = "429"
    BROKEN = "500"
    SILENT = "no answer"
    SLOW = "one byte a second"
    CUT = "cut before its finish_reason"
    EMPTY = "empty"
    REFUSES = "a refusal"
    HUGE = "huge"
    NO_JSON = "arguments that are no JSON"
    UNKNOWN = "an unknown tool"
    WRONG = "another tenant's lamp"
    ENDLESS = "endless repetition"
    AGAIN = "the same call again and again"


class Model:
    """Answers each question in a mood drawn from the seed; some lamps it only ever reads."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self.url = ""
        self.asked: Counter[str] = Counter()
        """Questions by mood."""
        self.spent: Counter[str] = Counter()
        """Tokens by lamp, whether or not anybody heard the answer."""
        self.longest = 0
        """Tokens of the dearest question with its answer."""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/v1/models", _models),
            ]
        )

    async def _complete(self, request: Request) -> Response:
        body = await request.body()
        messages = orjson.loads(body)["messages"]
        lamp = next(iter(_LAMP.findall(body.decode())), "lamp-lit-0")
        prompt = len(body) // _BYTES_PER_TOKEN
        self.spent[lamp] += prompt + _ANSWER_TOKENS
        self.longest = max(self.longest, prompt + _ANSWER_TOKENS)
        mood = self._mood(lamp)
        self.asked[mood] += 1
        if mood in {Mood.TOO_MANY, Mood.BROKEN}:
            status = int(mood)
            return JSONResponse({"error": {"message": mood, "type": "t"}}, status, {"retry-after": "1"})
        return StreamingResponse(_said(mood, lamp, messages, prompt), media_type="text/event-stream")

    def _mood(self, lamp: str) -> Mood:
        if int(lamp.rpartition("-")[2]) % 7 == 0:
            return Mood.AGAIN
        others = [mood for mood in Mood if mood not in {Mood.WELL, Mood.AGAIN}]
        return self._dice.choice((Mood.WELL, self._dice.choice(others)))


async def _models(_: Request) -> Response:
    return JSONResponse({"object": "list", "data": []})


async def _said(mood: Mood, lamp: str, messages: list[dict[str, Any]], prompt: int) -> AsyncIterator[bytes]:
    """The stream of events."""
    if mood is Mood.SILENT:
        await asyncio.sleep(3600)
    if mood is Mood.ENDLESS:
        while True:
            yield _event({"content": "lamp lamp lamp "})
            await asyncio.sleep(0.01)
    whole = b"".join(_events(mood, lamp, messages, prompt))
    if mood is Mood.SLOW:
        for place in range(len(whole)):
            yield whole[place : place + 1]
            await asyncio.sleep(1)
    for place in range(0, len(whole), _PIECE_BYTES):
        yield whole[place : place + _PIECE_BYTES]


def _events(mood: Mood, lamp: str, messages: list[dict[str, Any]], prompt: int) -> Iterator[bytes]:
    if mood is Mood.REFUSES:
        yield _event({"content": "I cannot help with that."})
    elif mood is Mood.HUGE:
        yield _event({"content": "x" * _HUGE_BYTES})
    elif mood is not Mood.EMPTY:
        name, arguments = _next(lamp, messages)
        calls = {
            Mood.NO_JSON: (name, '{"lamp": '),
            Mood.UNKNOWN: ("rack__explode", orjson.dumps({"lamp": lamp}).decode()),
            Mood.WRONG: ("rack__switch_on", orjson.dumps({"lamp": _neighbour(lamp)}).decode()),
            Mood.AGAIN: ("rack__read", orjson.dumps({"lamp": lamp}).decode()),
        }
        named, written = calls.get(mood, (name, orjson.dumps(arguments).decode()))
        call = {"index": 0, "id": "call00000", "type": "function", "function": {"name": named, "arguments": written}}
        yield _event({"tool_calls": [call]})
    if mood is not Mood.CUT:
        yield _event({}, finish="stop" if mood is Mood.REFUSES else "tool_calls")
        yield _event(None, usage={"prompt_tokens": prompt, "completion_tokens": _ANSWER_TOKENS})
        yield _DONE


def _next(lamp: str, messages: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """What somebody who knows lamps does: look, mend what is broken, look again, and say so."""
    results = [message["content"] for message in messages if message["role"] == "tool"]
    last = results[-1] if results else ""
    calls = [call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()]
    fault = next((fault for fault in MENDS if f'"{fault}"' in last), "")
    if not calls or calls[-1] != "rack__read":
        return "rack__read", {"lamp": lamp}
    if fault:
        return MENDS[fault].replace(".", "__"), {"lamp": lamp}
    if '"lit"' in last:
        return "finish", {"fault": "", "finding": f"{lamp} is lit."}
    return "give_up", {"reason": f"{lamp} cannot be read", "known": [], "tried": [], "proposed": []}


def _neighbour(lamp: str) -> str:
    """A lamp of the other tenant."""
    name, _, number = lamp.rpartition("-")
    return f"{name}-{int(number) + 1}"


def _event(delta: dict[str, Any] | None, *, finish: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    return b"data: " + orjson.dumps({**chunk, **({"usage": usage} if usage else {})}) + b"\n\n"


@asynccontextmanager
async def serving(seed: int) -> AsyncIterator[Model]:
    """The model on a free port of the loopback, while the context lasts."""
    model = Model(seed)
    config = uvicorn.Config(
        model.app(), host="127.0.0.1", port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())  # noqa: SLF001 - `serve` would take our signals
    while not server.started:  # noqa: ASYNC110 - it rings no bell
        await asyncio.sleep(0.01)
    model.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    try:
        yield model
    finally:
        server.should_exit = True
        await task
