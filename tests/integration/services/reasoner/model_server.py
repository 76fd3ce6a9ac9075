"""An OpenAI-compatible server that says what a test wants: real HTTP, real server-sent events."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Chunk = dict[str, Any]
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Reply:
    """What the server answers to one question."""

    parts: Sequence[bytes] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "text/event-stream"
    pause: float = 0
    """Seconds before the last part."""
    hangs_up: bool = False
    """The connection breaks behind the parts."""


def says(
    *calls: tuple[str, Any],
    text: str = "",
    finish: str | None = "tool_calls",
    usage: tuple[int, int] | None = (900, 20),
) -> Reply:
    """A streamed answer that calls tools by their names on the wire; arguments that are text go out as they are."""
    deltas: list[Chunk] = [{"role": "assistant", "content": text[n : n + 7]} for n in range(0, len(text), 7)]
    for index, (name, arguments) in enumerate(calls):
        written = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
        function = {"name": name, "arguments": ""}
        deltas.append({"tool_calls": [{"index": index, "id": f"c{index}", "type": "function", "function": function}]})
        for start in range(0, len(written), 9):
            function = {"arguments": written[start : start + 9]}
            deltas.append({"tool_calls": [{"index": index, "function": function}]})
    chunks = [_chunk(delta) for delta in deltas]
    if finish is not None:
        chunks.append(_chunk({}, finish))
    if usage is not None:
        counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
        chunks.append({"id": "x", "object": "chat.completion.chunk", "choices": [], "usage": counted})
    return Reply([*map(event, chunks), DONE])


def _chunk(delta: Chunk, finish: str | None = None) -> Chunk:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def event(data: object) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"


def fails(status: int, message: str = "no", **headers: str) -> Reply:
    body = orjson.dumps({"error": {"message": message, "type": "t", "code": "c"}})
    return Reply([body], status, {name.replace("_", "-"): value for name, value in headers.items()}, "application/json")


@dataclass
class ModelServer:
    """Answers with the replies in turn, the last one again and again, and keeps the questions."""

    replies: list[Reply]
    url: str = ""
    questions: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody went away in the middle of an answer."""
    lists: int = 0
    """How often it was asked for its models."""
    listing: Reply = field(default_factory=lambda: Reply([b'{"object":"list","data":[]}'], kind="application/json"))

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/v1/models", self._list),
            ]
        )

    async def _complete(self, request: Request) -> Response:
        self.questions.append(orjson.loads(await request.body()))
        self.headers.append(dict(request.headers))
        self.asked.set()
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return _response(reply, self._watched(reply))

    async def _list(self, _: Request) -> Response:
        self.lists += 1
        return _response(self.listing, _parts(self.listing))

    async def _watched(self, reply: Reply) -> AsyncIterator[bytes]:
        try:
            async for part in _parts(reply):
                yield part
        except (asyncio.CancelledError, GeneratorExit):
            self.left.set()
            raise


def _response(reply: Reply, parts: AsyncIterator[bytes]) -> Response:
    if reply.status >= 400:
        return JSONResponse(orjson.loads(reply.parts[0]), reply.status, reply.headers)
    return StreamingResponse(parts, reply.status, reply.headers, reply.kind)


async def _parts(reply: Reply) -> AsyncIterator[bytes]:
    for number, part in enumerate(reply.parts, 1):
        if number == len(reply.parts):
            await asyncio.sleep(reply.pause)
        yield part
    if reply.hangs_up:
        raise ConnectionResetError("as the test wants")


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@contextlib.asynccontextmanager
async def serving(*replies: Reply) -> AsyncIterator[ModelServer]:
    """A server on a free port of the loopback."""
    model = ModelServer(list(replies))
    config = uvicorn.Config(
        model.app(), host="127.0.0.1", port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the model server did not start"
        await asyncio.sleep(0.01)
    model.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    try:
        yield model
    finally:
        server.should_exit = True
        await task
