"""A full inbox makes the consumer wait."""

import asyncio
from dataclasses import replace
from pathlib import Path

from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Step
from tests.integration.aivis.mailbox.stand import LIMITS, Script, Stand, echo, event, running


def is_full(stand: Stand) -> bool:
    return stand.mailbox.full


async def test_the_inbox_is_full_at_its_bound_and_has_room_again_when_it_is_worked_through(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def work(turn: Turn) -> Step:
        await go_on.wait()
        return echo(turn)

    async with running(tmp_path, Script(work), limits=replace(LIMITS, backlog=10)) as stand:
        await stand.deliver(*(event(str(n), f"k{n}") for n in range(9)))
        assert not is_full(stand)
        await stand.mailbox.room()
        await stand.deliver(event("9", "k9"), event("10", "k10"))
        assert is_full(stand)
        waiting = asyncio.create_task(stand.mailbox.room())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        go_on.set()
        async with asyncio.timeout(5):
            await waiting
        assert not is_full(stand)


async def test_messages_that_are_known_fill_no_inbox(tmp_path: Path) -> None:
    async with running(tmp_path, limits=replace(LIMITS, poll_seconds=60, backlog=3)) as stand:
        for _ in range(5):
            await stand.deliver(event("0"))
        assert not stand.mailbox.full
