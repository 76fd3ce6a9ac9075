"""A wire breaks as it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chaos.wire import Wire, commits, publishes, wired


@asynccontextmanager
async def echo() -> AsyncIterator[tuple[Wire, list[bytes]]]:
    """A wire to a server that answers everything with itself, and what the server was sent."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(100):
            heard.append(piece)
            writer.write(piece)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with wired(server.sockets[0].getsockname()[1]) as wire:
        yield wire, heard
    server.close()


async def said(wire: Wire, words: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    writer.write(words)
    try:
        return await asyncio.wait_for(reader.read(100), 0.3)
    finally:
        writer.close()


async def test_whole_it_passes_everything_on() -> None:
    async with echo() as (wire, _):
        assert await said(wire, b"hello") == b"hello"


async def test_while_it_is_still_nothing_passes_and_then_everything_does() -> None:
    async with echo() as (wire, heard):
        wire.still()
        with pytest.raises(TimeoutError):
            await said(wire, b"hello")
        assert heard == []
        assert wire.held
        wire.heal()
        assert await said(wire, b"again") == b"again"


async def test_shut_it_refuses_until_it_is_healed() -> None:
    async with echo() as (wire, heard):
        wire.shut()
        with pytest.raises(ConnectionResetError):
            await said(wire, b"hello")
        assert (heard, wire.cuts) == ([], 1)
        wire.heal()
        assert await said(wire, b"again") == b"again"


async def test_a_lost_answer_is_of_a_request_that_arrived() -> None:
    told: list[str] = []
    async with echo() as (wire, heard):
        wire.lose_answers(lambda piece: piece == b"do it", times=1, then=lambda: told.append("then"))
        assert await said(wire, b"other") == b"other"
        assert await said(wire, b"do it") == b""
        assert heard == [b"other", b"do it"]
        assert (wire.lost, told) == (1, ["then"])
        assert await said(wire, b"do it") == b"do it"


@pytest.mark.parametrize(
    ("piece", "commit", "publication"),
    [
        (b"Q\x00\x00\x00\x0cCOMMIT;\x00", True, False),
        (b"Q\x00\x00\x00\x0eROLLBACK;\x00", False, False),
        (b"\x00\x00\x01\x00\x00\x00\x00\x07\x00\x00\x00\x01", False, True),
        (b"\x00\x00\x01\x00\x00\x01\x00\x0b\x00\x00\x00\x01", False, False),
        (b"", False, False),
    ],
)
def test_commits_and_publications_are_told_from_the_rest(piece: bytes, *, commit: bool, publication: bool) -> None:
    assert (commits(piece), publishes(piece)) == (commit, publication)
