"""A tool server for the tests: it counts what it does, and does as badly as it is told."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import orjson
from google.protobuf.duration_pb2 import Duration

from aivis.errors import Transient
from aivis.toolkit.status import told
from aivis.v1 import tools_pb2 as pb
from aivis.v1.tools_pb2_grpc import ToolsServicer, add_ToolsServicer_to_server

_TEXT = {"type": "string", "description": "Text."}
_NUMBER = {"type": "number", "description": "A number."}


def _schema(**properties: dict[str, Any]) -> str:
    closed = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return orjson.dumps(closed).decode()


def _tool(
    name: str, *, risk: "pb.Risk.ValueType", repeat: "pb.Repeat.ValueType" = pb.REPEAT_DEDUPES, timeout: float = 20
) -> pb.Tool:
    effect = risk != pb.RISK_READ
    return pb.Tool(
        name=name,
        description="For tests.",
        arguments_schema=_schema(id=_TEXT, size=_NUMBER),
        result_schema=_schema(text=_TEXT),
        risk=risk,
        repeat=repeat,
        timeout=_span(timeout),
        dedupe_window=_span(3600 if effect and repeat == pb.REPEAT_DEDUPES else 0),
        settling_time=_span(0.5 if repeat == pb.REPEAT_LOOKUP else 0),
        owner="the tests",
        resource_argument="id" if effect else "",
        version="1",
    )


def _span(seconds: float) -> Duration:
    return Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))


def tools() -> list[pb.Tool]:
    return [
        _tool("bench.read", risk=pb.RISK_READ),
        _tool("bench.held_read", risk=pb.RISK_READ),
        _tool("bench.late", risk=pb.RISK_READ, timeout=0.3),
        _tool("bench.dedupes", risk=pb.RISK_REVERSIBLE, timeout=3),
        _tool("bench.lookup", risk=pb.RISK_REVERSIBLE, repeat=pb.REPEAT_LOOKUP, timeout=3),
        _tool("bench.neither", risk=pb.RISK_REVERSIBLE, repeat=pb.REPEAT_NEITHER, timeout=3),
        _tool("bench.wrong", risk=pb.RISK_REVERSIBLE, repeat=pb.REPEAT_NEITHER),
        _tool("bench.destructive", risk=pb.RISK_DESTRUCTIVE, repeat=pb.REPEAT_NEITHER),
    ]


@dataclass
class Bench(ToolsServicer):
    """Effects act first and answer when `gate` is open; on a resource "held-before..." they wait before they act."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    declared: list[pb.Tool] = field(default_factory=tools)
    effects: Counter[str] = field(default_factory=Counter)
    """How often each key acted."""
    calls: Counter[str] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)
    """Calls under way, by tool."""
    most: Counter[str] = field(default_factory=Counter)
    """The most calls under way at once, by tool and resource."""
    refusals: list[str] = field(default_factory=list)
    """How the next calls fail: "proven" unavailable, or just "unavailable"."""
    lies: list[str] = field(default_factory=list)
    """What the next answers say they are to: "another" call, or "" for nothing; later ones say the truth."""

    async def List(self, request: pb.ListRequest, context: Any) -> pb.ListResponse:  # noqa: N802
        return pb.ListResponse(tools=self.declared)

    async def Call(self, request: pb.CallRequest, context: Any) -> pb.CallResponse:  # noqa: N802
        arguments = orjson.loads(request.arguments)
        resource = f"{request.tool} {arguments['id']}"
        self.calls[request.key] += 1
        self.inside[request.tool] += 1
        self.inside[resource] += 1
        self.most[resource] = max(self.most[resource], self.inside[resource])
        try:
            await self._refuse(context)
            result = await self._answer(request, arguments)
            return pb.CallResponse(result=result, key=self._said_key(request.key))
        finally:
            self.inside[request.tool] -= 1
            self.inside[resource] -= 1

    async def Lookup(self, request: pb.LookupRequest, context: Any) -> pb.LookupResponse:  # noqa: N802
        happened = self.effects[request.key] > 0
        outcome = pb.LookupResponse.HAPPENED if happened else pb.LookupResponse.DID_NOT_HAPPEN
        return pb.LookupResponse(outcome=outcome, result=_result("looked up"), key=self._said_key(request.key))

    async def Undo(self, request: pb.UndoRequest, context: Any) -> pb.UndoResponse:  # noqa: N802
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "nothing here can be undone")
        raise AssertionError("abort raises")

    async def _answer(self, request: pb.CallRequest, arguments: dict[str, Any]) -> bytes:
        if request.tool == "bench.late":
            await asyncio.sleep(30)
        if request.tool == "bench.read":
            return _result("x" * int(arguments["size"]))
        if arguments["id"].startswith("held-before"):
            await self.gate.wait()
        if request.tool != "bench.held_read" and not (request.tool == "bench.dedupes" and self.effects[request.key]):
            self.effects[request.key] += 1
        await self.gate.wait()
        return b'{"text": 3}' if request.tool == "bench.wrong" else _result("done")

    def _said_key(self, key: str) -> str:
        return self.lies.pop(0) if self.lies else key

    async def _refuse(self, context: Any) -> None:
        if not self.refusals:
            return
        if self.refusals.pop(0) == "proven":
            await context.abort(*told(Transient("all places are taken"), tool="bench", owner="the tests"))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "somewhere on the way")


def _result(text: str) -> bytes:
    return orjson.dumps({"text": text})


@asynccontextmanager
async def serving(bench: Bench, port: int = 0) -> AsyncIterator[str]:
    """Address of `bench`, served while the context lasts."""
    server = grpc.aio.server(options=[("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)])
    add_ToolsServicer_to_server(bench, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        bench.gate.set()
        await server.stop(None)
