"""A gRPC channel to one server, and what its errors say about a call."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from aivis.errors import AivisError, Transient, Unknown, from_grpc
from services.executor.ports import TooLarge

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_retries", 0),  # the executor has the one retry layer
    ("grpc.keepalive_time_ms", 310_000),  # a server of gRPC's core takes pings under 300 s without data for an attack
    ("grpc.keepalive_timeout_ms", 20_000),  # also TCP's user timeout: a peer that is gone is noticed by then
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
_MAYBE_OURS = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
"""Codes that gRPC itself, or a proxy, also gives when a connection breaks under a call that may have acted."""


class Connection:
    """One channel. It is opened when it is first used, in the loop that uses it."""

    def __init__(self, address: str, *, what: str) -> None:
        self.address = address
        self._what = what
        self._channel: grpc.aio.Channel | None = None

    @property
    def name(self) -> str:
        return f"{self._what} at {self.address}"

    async def open(self, *, seconds: float = 3) -> grpc.aio.Channel:
        """The channel, connected: what fails before this returns was never sent. `Transient` when nobody is there."""
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self.address, options=_OPTIONS)
        try:
            await asyncio.wait_for(self._channel.channel_ready(), seconds)
        except (TimeoutError, grpc.aio.UsageError) as error:
            message = f"{self.name}: no connection in {seconds:g} s: is it running, and the address right?"
            raise Transient(message) from error
        return self._channel

    async def close(self) -> None:
        if self._channel is not None:
            channel, self._channel = self._channel, None
            await channel.close(None)

    def error(self, error: grpc.aio.AioRpcError, *, doing: str) -> AivisError:
        """What `error` says about the call: nothing done, done, or not known."""
        doing = f"{doing} at {self.address}"
        message = error.details() or ""
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in message:
            return TooLarge(f"{doing}: the answer is larger than {MAX_MESSAGE_BYTES} bytes: {message}")
        status = _details(error)
        if error.code() in _MAYBE_OURS and status is None:
            return Unknown(f"{doing}: {error.code().name}: {message}; nobody says that nothing was done")
        found = from_grpc(error, doing=doing)
        fields = _fields(status, message)
        return type(found)(f"{found}; {fields}") if fields else found


def _details(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    """The details that only the server itself attaches."""
    pairs: Sequence[tuple[str, str | bytes]] = tuple(error.trailing_metadata() or ())  # type: ignore[arg-type]
    for key, value in pairs:
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            with suppress(DecodeError):
                return status_pb2.Status.FromString(value)
    return None


def _fields(status: status_pb2.Status | None, message: str) -> str:
    """The fields at fault that the message does not name yet."""
    found = []
    for detail in status.details if status is not None else ():
        request = error_details_pb2.BadRequest()
        if detail.Is(request.DESCRIPTOR) and detail.Unpack(request):
            found += [f"{each.field}: {each.description}" for each in request.field_violations]
    return "; ".join(each for each in found if each not in message)
