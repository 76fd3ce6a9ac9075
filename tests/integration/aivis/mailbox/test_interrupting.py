"""Newer messages that make a turn under way stale."""

import asyncio
import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from aivis.events.tickets import TicketMessageAdded
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Step
from tests.integration.aivis.mailbox.stand import Script, echo, event, first_places, running, until

MESSAGES = frozenset({TicketMessageAdded.TYPE})


async def test_a_newer_message_cancels_the_turn_and_it_runs_anew_with_all_messages(tmp_path: Path) -> None:
    cancelled = []

    async def work(turn: Turn) -> Step:
        if len(turn.events) == 1:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(turn.events[0].id)
                raise
        return echo(turn)

    async with running(tmp_path, Script(work, interrupting=MESSAGES)) as stand:
        await stand.deliver(event("0"))
        await until(lambda: stand.script.running == 1)
        await stand.deliver(event("1"))
        await stand.quiet()
        assert cancelled == ["a-0"]
        assert stand.script.turns == [("a-0",), ("a-0", "a-1")]
        assert await stand.state("a") == ["a-0", "a-1"]
        assert len(stand.tape.rows) == 2


async def test_an_interruption_is_no_failure(tmp_path: Path) -> None:
    attempts = []

    async def work(turn: Turn) -> Step:
        attempts.append(turn.attempts)
        if len(turn.events) < 4:
            await asyncio.sleep(60)
        return echo(turn)

    async with running(tmp_path, Script(work, interrupting=MESSAGES)) as stand:
        for name in range(4):
            await stand.deliver(event(str(name)))
            await until(lambda name=name: len(attempts) == name + 1)  # type: ignore[misc]
        await stand.quiet()
        assert attempts == [0, 0, 0, 0]


async def test_a_message_that_makes_nothing_stale_waits_for_the_turn_to_end(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def work(turn: Turn) -> Step:
        await go_on.wait()
        return echo(turn)

    async with running(tmp_path, Script(work)) as stand:
        await stand.deliver(event("0"))
        await until(lambda: stand.script.running == 1)
        await stand.deliver(event("1"))
        await asyncio.sleep(0.05)
        go_on.set()
        await stand.quiet()
        assert stand.script.turns == [("a-0",), ("a-1",)]


async def test_a_duplicate_interrupts_nothing(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def work(turn: Turn) -> Step:
        await go_on.wait()
        return echo(turn)

    async with running(tmp_path, Script(work, interrupting=MESSAGES)) as stand:
        await stand.deliver(event("0"))
        await until(lambda: stand.script.running == 1)
        await stand.deliver(event("0"))
        go_on.set()
        await stand.quiet()
        assert stand.script.turns == [("a-0",)]


async def test_a_turn_that_is_cancelled_before_its_first_step_comes_again(tmp_path: Path) -> None:
    struck: list[asyncio.Task[Any]] = []

    def factory(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any) -> "asyncio.Task[Any]":
        task = asyncio.Task(work, loop=loop, **more)
        if "Turns.work" in repr(work) and not struck:
            struck.append(task)
            task.cancel()
        return task

    asyncio.get_running_loop().set_task_factory(factory)  # type: ignore[arg-type]
    async with running(tmp_path) as stand:
        await stand.deliver(event("0"))
        async with asyncio.timeout(5):
            await stand.quiet()
        assert len(struck) == 1
        assert await stand.state("a") == ["a-0"]


async def test_however_often_turns_are_interrupted_every_message_is_done_once_and_in_order(tmp_path: Path) -> None:
    dice = random.Random(4)

    async def work(turn: Turn) -> Step:
        await asyncio.sleep(dice.uniform(0, 0.01))
        if dice.random() < 0.3:
            await turn.commit(Step(label="on the way"))
        return echo(turn)

    async with running(tmp_path, Script(work, interrupting=MESSAGES)) as stand:
        for name in range(40):
            await stand.deliver(*(event(str(name), key) for key in ("a", "b", "c")))
            await asyncio.sleep(dice.uniform(0, 0.008))
        await stand.quiet()
        for key in ("a", "b", "c"):
            assert await stand.state(key) == [f"{key}-{n}" for n in range(40)]
        assert len(stand.tape.rows) == len(first_places(stand.tape.ids())) == 120
        assert sum(map(len, stand.script.turns)) > 120, "some turn was interrupted"
