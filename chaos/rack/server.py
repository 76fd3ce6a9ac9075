"""The rack's tool server: `python -m chaos.rack HOST:PORT LOG`. Its own gRPC, so that it shares no fault of our kit."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration

from aivis.failpoints import Crashed
from aivis.modules.catalogue import DeclaredTool
from aivis.toolkit.declaration import Risk
from aivis.v1 import tools_pb2 as pb
from aivis.v1.tools_pb2_grpc import ToolsServicer, add_ToolsServicer_to_server
from chaos.rack.lamps import MENDS, Act, Log, Mood, parts

_SLOW_SECONDS = 1.5
_HUGE = "x" * (17 * 1024 * 1024)
_LAMP = {"type": "string", "pattern": r"^lamp-[a-z]+(-[a-z]+)?-[0-9]+$", "maxLength": 60, "description": "The lamp."}
_ARGUMENTS = {"type": "object", "properties": {"lamp": _LAMP}, "required": ["lamp"], "additionalProperties": False}
_RESULT = {
    "type": "object",
    "properties": {"lamp": _LAMP, "state": {"type": "string"}},
    "required": ["lamp", "state"],
    "additionalProperties": True,
}
_REPEATS = {
    "rack.read": pb.REPEAT_DEDUPES,
    "rack.switch_on": pb.REPEAT_DEDUPES,
    "rack.plug_in": pb.REPEAT_LOOKUP,
    "rack.replace_bulb": pb.REPEAT_NEITHER,
}
_SAYS = {
    "rack.read": "Tells whether a lamp is lit, and why not.",
    "rack.switch_on": "Switches a lamp on.",
    "rack.plug_in": "Puts a lamp's plug into its socket.",
    "rack.replace_bulb": "Puts a new bulb into a lamp.",
}

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
else:
    Context = grpc.aio.ServicerContext


def declared(timeout: float = 4, settling: float = 1) -> list[pb.Tool]:
    """The rack's tools: one that looks, and one that changes of each kind of repeating; times in seconds."""
    return [
        pb.Tool(
            name=name,
            description=_SAYS[name],
            arguments_schema=json.dumps(_ARGUMENTS),
            result_schema=json.dumps(_RESULT),
            risk=pb.RISK_READ if name == "rack.read" else pb.RISK_REVERSIBLE,
            repeat=repeat,
            timeout=_duration(timeout),
            dedupe_window=Duration(seconds=86_400),
            settling_time=_duration(settling if repeat == pb.REPEAT_LOOKUP else 0),
            undoable=name != "rack.read",
            owner="the fault matrix",
            resource_argument="" if name == "rack.read" else "lamp",
            version="1",
        )
        for name, repeat in _REPEATS.items()
    ]


def catalogue() -> list[DeclaredTool]:
    """The same for the domain's tools.json."""
    return [
        DeclaredTool(
            name=tool.name,
            arguments=json.loads(tool.arguments_schema),
            result=json.loads(tool.result_schema),
            risk=Risk.READ if tool.risk == pb.RISK_READ else Risk.REVERSIBLE,
            undoable=tool.undoable,
            description=tool.description,
        )
        for tool in declared()
    ]


class Rack(ToolsServicer):
    """Answers as each lamp's name says."""

    def __init__(self, log: Log, tools: Sequence[pb.Tool]) -> None:
        self._log = log
        self._tools = tools

    async def List(self, request: pb.ListRequest, context: Context) -> pb.ListResponse:  # noqa: N802
        return pb.ListResponse(tools=self._tools)

    async def Call(self, request: pb.CallRequest, context: Context) -> pb.CallResponse:  # noqa: N802
        lamp = json.loads(request.arguments)["lamp"]
        fault, mood = parts(lamp)
        if request.tool == "rack.read":
            return _answer(lamp, self._log.state(lamp))
        if MENDS.get(fault) != request.tool:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{lamp} is {fault}: {request.tool} mends nothing")
        if mood is Mood.SLOW:
            await asyncio.sleep(_SLOW_SECONDS)
        known = _REPEATS[request.tool] == pb.REPEAT_DEDUPES and self._log.of_key(request.tenant, request.key)
        if not known and mood is not Mood.LIES:
            self._do(Act(request.key, request.tenant, request.tool, lamp))
        return _answer(lamp, "lit", _HUGE if mood is Mood.HUGE else "")

    def _do(self, act: Act) -> None:
        try:
            self._log.append(act)
        except Crashed as error:  # in one process with its caller, the rack dies as a server does: without an answer
            raise ConnectionError(str(error)) from error

    async def Lookup(self, request: pb.LookupRequest, context: Context) -> pb.LookupResponse:  # noqa: N802
        act = self._log.of_key(request.tenant, request.key)
        if act is None:
            return pb.LookupResponse(outcome=pb.LookupResponse.DID_NOT_HAPPEN)
        return pb.LookupResponse(outcome=pb.LookupResponse.HAPPENED, result=_answer(act.lamp, "lit").result)

    async def Undo(self, request: pb.UndoRequest, context: Context) -> pb.UndoResponse:  # noqa: N802
        lamp = json.loads(request.arguments)["lamp"]
        if not self._log.of_key(request.tenant, request.key):
            self._do(Act(request.key, request.tenant, f"{request.tool}/undo", lamp))
        return pb.UndoResponse(result=_answer(lamp, self._log.state(lamp)).result)


def _answer(lamp: str, state: str, more: str = "") -> pb.CallResponse:
    return pb.CallResponse(
        result=json.dumps({"lamp": lamp, "state": state, **({"more": more} if more else {})}).encode()
    )


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=seconds))
    return duration


@asynccontextmanager
async def serving(address: str, log: Log, tools: Sequence[pb.Tool]) -> AsyncIterator[str]:
    """The rack at `address`, HOST:PORT, port 0 for a free one; the address it is at."""
    server = grpc.aio.server(options=(("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)))
    add_ToolsServicer_to_server(Rack(log, tools), server)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield f"{address.rpartition(':')[0]}:{port}"
    finally:
        await server.stop(0)
