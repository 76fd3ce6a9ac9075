"""A wire between a client and a server that can be broken: it holds what passes, loses answers, or is cut."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

_CHUNK_BYTES = 64 * 1024
Match = Callable[[bytes], bool]
"""Whether a piece of what the client sends is the request that is meant."""


@dataclass
class _Loss:
    """Answers yet to be lost."""

    match: Match
    times: int
    then: Callable[[], None]


class _Link:
    """One connection through the wire."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._writers = client, server
        self.deaf = False
        """Whether the next answer is lost, and the connection with it."""

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


class Wire:
    """Listens on loopback and passes everything on to `target`, a loopback port."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._links: set[_Link] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._loss: _Loss | None = None
        self._shut = False
        self.port = 0
        self.held = 0
        """Pieces that had to wait while the wire was still."""
        self.lost = 0
        """Answers that were lost."""
        self.cuts = 0
        """Connections that were cut, or refused."""

    def still(self) -> None:
        """Let nothing through, in neither direction; connections stay, and new ones are taken."""
        self._flows.clear()

    def shut(self) -> None:
        """Cut all connections, and refuse new ones."""
        self._shut = True
        self.cuts += len(self._links)
        for link in [*self._links]:
            link.cut()

    def let_flow(self) -> None:
        """Let what was held go on its way."""
        self._flows.set()

    def heal(self) -> None:
        """Let everything through."""
        self._shut, self._loss = False, None
        self.let_flow()

    def lose_answers(self, match: Match, *, times: int, then: Callable[[], None] = lambda: None) -> None:
        """Pass the next `times` requests that `match`, call `then`, and cut their connections at the answer."""
        self._loss = _Loss(match, times, then)

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        if self._shut:
            self.cuts += 1
            writer.transport.abort()
            return
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            link = _Link(writer, far_writer)
            self._links.add(link)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass_on(link, reader, far_writer, self._asked))
                    both.create_task(self._pass_on(link, far_reader, writer, self._answered))
            finally:
                self._links.discard(link)
        writer.close()

    async def _pass_on(
        self,
        link: _Link,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        look: Callable[[_Link, bytes], bool],
    ) -> None:
        with suppress(OSError):
            while piece := await source.read(_CHUNK_BYTES):
                if not self._flows.is_set():
                    self.held += 1
                    await self._flows.wait()
                if look(link, piece):
                    sink.write(piece)
                    await sink.drain()
        link.cut()

    def _asked(self, link: _Link, piece: bytes) -> bool:
        loss = self._loss
        if loss is not None and loss.times and loss.match(piece):
            loss.times -= 1
            link.deaf = True
            asyncio.get_running_loop().call_soon(loss.then)  # once it has left
        return True

    def _answered(self, link: _Link, piece: bytes) -> bool:
        if link.deaf:
            self.lost += 1
            link.cut()
        return not link.deaf


@asynccontextmanager
async def wired(target: int, *, port: int = 0) -> AsyncIterator[Wire]:
    """A wire to `target` while the context lasts, on `port` or a free one."""
    wire = Wire(target)
    server = await asyncio.start_server(wire.join, "127.0.0.1", port)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        wire.shut()


def commits(piece: bytes) -> bool:
    """Whether PostgreSQL is asked to commit."""
    return b"COMMIT;\x00" in piece


def publishes(piece: bytes) -> bool:
    """Whether Kafka is asked to take events: a Produce request, key 0, begins here."""
    return len(piece) > 8 and piece[4:6] == b"\x00\x00" and 0 < int.from_bytes(piece[6:8], "big") < 20
