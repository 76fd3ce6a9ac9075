"""Tools of a gRPC tool server."""

from datetime import timedelta
from time import monotonic
from typing import TypeVar

import grpc.aio
from google.protobuf.duration_pb2 import Duration

from aivis.errors import Transient, Unknown
from aivis.failpoints import around
from aivis.toolkit.declaration import Repeat, Risk
from aivis.v1 import tools_pb2 as pb
from aivis.v1.tools_pb2_grpc import ToolsStub
from services.executor import metrics
from services.executor.ports import Became, Call, Declaration, Found, Undone
from services.executor.providers.channel import Connection

A = TypeVar("A", pb.CallResponse, pb.LookupResponse, pb.UndoResponse)
_LIST_SECONDS = 10
_LOOKUP_SECONDS = 30
_RISK = {pb.RISK_READ: Risk.READ, pb.RISK_REVERSIBLE: Risk.REVERSIBLE, pb.RISK_DESTRUCTIVE: Risk.DESTRUCTIVE}
_REPEAT = {pb.REPEAT_DEDUPES: Repeat.DEDUPES, pb.REPEAT_LOOKUP: Repeat.LOOKUP, pb.REPEAT_NEITHER: Repeat.NEITHER}
_BECAME = {pb.LookupResponse.HAPPENED: Became.HAPPENED, pb.LookupResponse.DID_NOT_HAPPEN: Became.DID_NOT_HAPPEN}


class GrpcTools:
    """The server at `address` (HOST:PORT); see `ToolProvider`."""

    def __init__(self, address: str) -> None:
        self._connection = Connection(address, what="tool server")

    @property
    def name(self) -> str:
        return self._connection.name

    @property
    def address(self) -> str:
        return self._connection.address

    async def declared(self) -> list[Declaration]:
        stub = ToolsStub(await self._connection.open())
        try:
            with around("tools.list"):
                answer = await stub.List(pb.ListRequest(), timeout=_LIST_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise self._connection.error(error, doing="listing tools") from error
        return [_declaration(tool) for tool in answer.tools]

    async def call(self, call: Call) -> bytes:
        stub = ToolsStub(await self._connection.open())
        request = pb.CallRequest(
            tool=call.tool, arguments=call.arguments, key=call.key, tenant=call.tenant, case_id=call.case
        )
        try:
            with around("tools.call"):
                answer = await stub.Call(request, timeout=_seconds_left(call), metadata=_metadata(call))
        except grpc.aio.AioRpcError as error:
            raise self._connection.error(error, doing=f"calling {call.tool}") from error
        return self._own(answer, call).result

    async def lookup(self, call: Call) -> Found:
        stub = ToolsStub(await self._connection.open())
        request = pb.LookupRequest(tool=call.tool, key=call.key, tenant=call.tenant, arguments=call.arguments)
        try:
            with around("tools.lookup"):
                answer = await stub.Lookup(request, timeout=_LOOKUP_SECONDS, metadata=_metadata(call))
        except grpc.aio.AioRpcError as error:
            raise self._connection.error(error, doing=f"looking up {call.tool}") from error
        answer = self._own(answer, call)
        return Found(_BECAME.get(answer.outcome, Became.UNKNOWN), answer.result)

    async def undo(self, call: Call, undone: Undone) -> bytes:
        stub = ToolsStub(await self._connection.open())
        request = pb.UndoRequest(
            tool=call.tool, key=call.key, tenant=call.tenant, case_id=call.case,
            undoes=undone.key, arguments=call.arguments, result=undone.result,
        )  # fmt: skip
        try:
            with around("tools.undo"):
                answer = await stub.Undo(request, timeout=_seconds_left(call), metadata=_metadata(call))
        except grpc.aio.AioRpcError as error:
            raise self._connection.error(error, doing=f"undoing {call.tool}") from error
        return self._own(answer, call).result

    def _own(self, answer: A, call: Call) -> A:
        """`answer`, unless it is to another call: then `Unknown`. Servers that name no key are taken at their word."""
        if answer.key in ("", call.key):
            return answer
        metrics.SWAPPED.labels(self.address).inc()
        raise Unknown(f"{self.name}: {call.tool}: the answer is to another call, of key {answer.key[:100]!r}")

    async def check(self) -> None:
        await self._connection.open(seconds=2)

    async def close(self) -> None:
        await self._connection.close()


def _seconds_left(call: Call) -> float:
    """How long the call may take; `Transient` when its time is over."""
    left = min(call.timeout.total_seconds(), call.by - monotonic())
    if left <= 0:
        raise Transient(f"calling {call.tool}: its time was over before it was sent, so nothing was done")
    return left


def _metadata(call: Call) -> tuple[tuple[str, str], ...]:
    return (("traceparent", call.traceparent),) if call.traceparent else ()


def _declaration(tool: pb.Tool) -> Declaration:
    return Declaration(
        name=tool.name,
        description=tool.description,
        arguments_schema=tool.arguments_schema,
        result_schema=tool.result_schema,
        risk=_RISK.get(tool.risk),
        repeat=_REPEAT.get(tool.repeat),
        timeout=_span(tool.timeout),
        dedupe_window=_span(tool.dedupe_window),
        settling_time=_span(tool.settling_time),
        undoable=tool.undoable,
        owner=tool.owner,
        resource_argument=tool.resource_argument,
        version=tool.version,
    )


def _span(duration: Duration) -> timedelta:
    try:
        return duration.ToTimedelta()
    except (OverflowError, ValueError):  # beyond what the proto allows: longer than any bound
        return timedelta.max
