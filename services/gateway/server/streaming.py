"""Waiting for what comes: long polls and server-sent events, both from the log, both resumable."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from time import monotonic

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from aivis.errors import Transient
from aivis.events.envelope import JsonObject
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.values import Key, LogRow
from aivis.problems import Problem
from aivis.web import number, too_busy
from services.gateway import metrics
from services.gateway.server.reading import Reading, entry, replies

_LONGEST_WAIT = 60
_LOOK_AGAIN = 2.0
"""Seconds after which to look for what another process committed."""
_MOST_STREAMS = 2_000
"""Long polls included."""
_STREAMS_AGAIN = 10
"""Seconds."""
_LAST = 2**31


class Streaming:
    """Keeps clients current."""

    def __init__(self, mailbox: Mailbox, reading: Reading, heartbeat: float) -> None:
        self._mailbox = mailbox
        self._reading = reading
        self._heartbeat = heartbeat
        self._open = 0

    def routes(self) -> list[Route]:
        return [Route("/tickets/{id}/replies", self.replies), Route("/tickets/{id}/events", self.events)]

    async def replies(self, request: Request) -> Response:
        """Replies after entry `after`; with `wait`, after at most so many seconds, as soon as there is one."""
        key, _ = await self._reading.ticket_of(request)
        after = number(request, "after", 0, most=_LAST)
        until = monotonic() + number(request, "wait", 0, most=_LONGEST_WAIT)
        with self._kept_open(), self._mailbox.watch.on(key) as bell:
            while not (found := await replies(self._mailbox.store, key, after=after)) and monotonic() < until:
                await bell.wait(max(0.0, min(_LOOK_AGAIN, until - monotonic())))
        _, ticket = await self._reading.ticket_of(request)
        last = found[-1]["sequence"] if found else after
        return JSONResponse({"replies": found, "last": last, "status": ticket.status, "owner": ticket.owner})

    async def events(self, request: Request) -> Response:
        """Every entry of the log from the one after `Last-Event-ID` (or `after`), and then each as it comes."""
        key, _ = await self._reading.ticket_of(request)
        self._refuse_more()
        stream = self._stream(key, _resume_after(request))
        return StreamingResponse(
            stream, media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
        )

    async def _stream(self, key: Key, after: int) -> AsyncIterator[bytes]:
        with self._kept_open(), suppress(Transient):  # the service stops, or its database is away: the client comes
            # back with its Last-Event-ID
            yield b"retry: 2000\n\n"
            async for row in self._entries(key, after):
                yield b": heartbeat\n\n" if row is None else _sent(row, entry(row))

    def _refuse_more(self) -> None:
        if self._open >= _MOST_STREAMS:
            metrics.SHED.labels("", "streams").inc()
            raise too_busy(f"{_MOST_STREAMS} event streams and long polls are open", _STREAMS_AGAIN)

    @contextmanager
    def _kept_open(self) -> Iterator[None]:
        self._refuse_more()
        self._open += 1
        metrics.STREAMS.inc()
        try:
            yield
        finally:
            self._open -= 1
            metrics.STREAMS.dec()

    async def _entries(self, key: Key, after: int) -> AsyncIterator[LogRow | None]:
        """Entries as they come, and None whenever nothing came for a heartbeat."""
        silent_since = monotonic()
        with self._mailbox.watch.on(key) as bell:
            while True:
                for row in await self._mailbox.store.log(key, after=after, limit=100):
                    after, silent_since = row.sequence, monotonic()
                    yield row
                await bell.wait(min(_LOOK_AGAIN, self._heartbeat))
                if monotonic() - silent_since >= self._heartbeat:
                    silent_since = monotonic()
                    yield None


def _sent(row: LogRow, said: JsonObject) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (row.sequence, said["type"].encode(), orjson.dumps(said))


def _resume_after(request: Request) -> int:
    last = request.headers.get("last-event-id", "")
    if not last:
        return number(request, "after", 0, most=_LAST)
    if not (last.isascii() and last.isdecimal() and len(last) < 12):
        detail = f"Last-Event-ID {last[:40]!r} is none of this stream's: give the number it sent, or leave it out"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field="Last-Event-ID")
    return int(last)
