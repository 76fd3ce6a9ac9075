"""Serves aivis.v1.Tools: decode, run, encode."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import grpc.aio
import orjson
from google.protobuf.duration_pb2 import Duration
from pydantic import BaseModel

from aivis.errors import Unknown
from aivis.toolkit.declaration import Repeat, Risk, Tool
from aivis.toolkit.running import Asked, Runner
from aivis.toolkit.status import InvalidFields, Violation, told, validated
from aivis.toolkit.toolset import ToolSet
from aivis.v1 import tools_pb2 as pb
from aivis.v1 import tools_pb2_grpc

S = TypeVar("S")
R = TypeVar("R")
if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
else:
    Context = grpc.aio.ServicerContext
Request = pb.CallRequest | pb.LookupRequest | pb.UndoRequest

_RISK = {Risk.READ: pb.RISK_READ, Risk.REVERSIBLE: pb.RISK_REVERSIBLE, Risk.DESTRUCTIVE: pb.RISK_DESTRUCTIVE}
_REPEAT = {Repeat.DEDUPES: pb.REPEAT_DEDUPES, Repeat.LOOKUP: pb.REPEAT_LOOKUP, Repeat.NEITHER: pb.REPEAT_NEITHER}
_NOBODY = "the tool server's operator"


class Tools(tools_pb2_grpc.ToolsServicer, Generic[S]):
    """The gRPC service over a set of tools."""

    def __init__(self, tools: ToolSet[S], runner: Runner[S]) -> None:
        self._tools = tools
        self._runner = runner

    async def List(self, _: pb.ListRequest, context: Context) -> pb.ListResponse:  # noqa: N802 - the name in the proto
        return pb.ListResponse(tools=[declared(tool) for tool in self._tools])

    async def Call(self, request: pb.CallRequest, context: Context) -> pb.CallResponse:  # noqa: N802
        async def call(tool: Tool[S], arguments: BaseModel, asked: Asked) -> pb.CallResponse:
            return pb.CallResponse(result=await self._runner.call(tool, arguments, asked), key=request.key)

        return await self._answered(request, context, call)

    async def Lookup(self, request: pb.LookupRequest, context: Context) -> pb.LookupResponse:  # noqa: N802
        async def lookup(tool: Tool[S], arguments: BaseModel, asked: Asked) -> pb.LookupResponse:
            try:
                happened, result = await self._runner.lookup(tool, arguments, asked)
            except Unknown:
                return pb.LookupResponse(outcome=pb.LookupResponse.UNKNOWN, key=request.key)
            outcome = pb.LookupResponse.HAPPENED if happened else pb.LookupResponse.DID_NOT_HAPPEN
            return pb.LookupResponse(outcome=outcome, result=result, key=request.key)

        return await self._answered(request, context, lookup)

    async def Undo(self, request: pb.UndoRequest, context: Context) -> pb.UndoResponse:  # noqa: N802
        async def undo(tool: Tool[S], arguments: BaseModel, asked: Asked) -> pb.UndoResponse:
            result = validated(tool.result, request.result, what=f"result to undo of {tool.name}")
            return pb.UndoResponse(result=await self._runner.undo(tool, (arguments, result), asked), key=request.key)

        return await self._answered(request, context, undo)

    async def _answered(
        self, request: Request, context: Context, answer: Callable[[Tool[S], BaseModel, Asked], Awaitable[R]]
    ) -> R:
        """The answer, or the error as a status. The one place where any exception is caught."""
        owner = _NOBODY
        try:
            tool = self._tools.get(request.tool)
            owner = tool.owner
            arguments = validated(tool.arguments, request.arguments or b"{}", what=f"arguments of {tool.name}")
            return await answer(tool, arguments, _asked(request, tool, context.time_remaining()))
        except Exception as error:
            code, message, details = told(error, tool=request.tool, owner=owner)
            await context.abort(code, message, details)
            raise


def _asked(request: Request, tool: Tool[S], remaining: float | None) -> Asked:
    needed = ["tenant"] if isinstance(request, pb.CallRequest) and not tool.is_effect else ["tenant", "key"]
    missing = [Violation(name, "must not be empty") for name in needed if not getattr(request, name)]
    if missing:
        raise InvalidFields(f"call of {tool.name}", missing)
    timeout = tool.timeout.total_seconds()
    return Asked(
        tenant=request.tenant,
        key=request.key,
        case_id="" if isinstance(request, pb.LookupRequest) else request.case_id,
        seconds=timeout if remaining is None else max(0.0, min(timeout, remaining)),
    )


def declared(tool: Tool[S]) -> pb.Tool:
    """The declaration as it goes over the wire."""
    timeout, window, settling = Duration(), Duration(), Duration()
    timeout.FromTimedelta(tool.timeout)
    window.FromTimedelta(tool.dedupe_window)
    settling.FromTimedelta(tool.settling_time)
    return pb.Tool(
        name=tool.name,
        description=tool.description,
        arguments_schema=orjson.dumps(tool.arguments_schema).decode(),
        result_schema=orjson.dumps(tool.result_schema).decode(),
        risk=_RISK[tool.risk],
        repeat=_REPEAT[tool.repeat],
        timeout=timeout,
        dedupe_window=window,
        settling_time=settling,
        undoable=tool.undo is not None,
        owner=tool.owner,
        resource_argument=tool.resource,
        version=tool.version,
    )
