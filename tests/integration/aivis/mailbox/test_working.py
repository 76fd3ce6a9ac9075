"""Many keys at once, each in order."""

import asyncio
import random
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from aivis.events.envelope import JsonObject
from aivis.events.timers import TimerDue
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Key, Step, Timer
from tests.integration.aivis.mailbox.stand import (
    LIMITS,
    CountingStore,
    Script,
    answer,
    echo,
    event,
    events,
    first_places,
    running,
    until,
)


async def test_hundreds_of_keys_are_in_flight_and_each_key_keeps_its_order(tmp_path: Path) -> None:
    pause = random.Random(1)

    async def work(turn: Turn) -> Step:
        await asyncio.sleep(pause.uniform(0.05, 0.15))
        return echo(turn)

    incoming = events(keys=300, each=5)
    async with running(tmp_path, Script(work)) as stand:
        for start in range(0, len(incoming), 100):
            await stand.deliver(*incoming[start : start + 100])
        await stand.quiet()
        assert stand.script.most_running >= 250
        for key in range(300):
            assert await stand.state(f"k{key}") == [f"k{key}-{n}" for n in range(5)]
        published = defaultdict(list)
        for row in stand.tape.rows:
            published[row.key].append(row.event_id)
        assert len(published) == 300
        for key in range(300):
            assert published[f"acme/k{key}"] == [answer(event(str(n), f"k{key}")).event.id for n in range(5)]


async def test_a_slow_key_holds_nobody(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def work(turn: Turn) -> Step:
        if turn.key.name == "slow":
            await go_on.wait()
        return echo(turn)

    async with running(tmp_path, Script(work)) as stand:
        await stand.deliver(event("0", "slow"), *events(keys=50, each=2))
        await until(lambda: len(stand.tape.rows) == 100)
        assert await stand.state("slow") == []
        await stand.deliver(*(event("later", f"k{n}") for n in range(50)))
        await until(lambda: len(stand.tape.rows) == 150)
        go_on.set()
        await stand.quiet()
        assert await stand.state("slow") == ["slow-0"]


async def test_no_more_keys_are_in_flight_than_the_bound(tmp_path: Path) -> None:
    async def work(turn: Turn) -> Step:
        await asyncio.sleep(0.01)
        return echo(turn)

    async with running(tmp_path, Script(work), limits=replace(LIMITS, in_flight=7, tenant_share=1)) as stand:
        await stand.deliver(*events(keys=40, each=1))
        await stand.quiet()
        assert stand.script.most_running == 7


async def test_steps_that_are_ready_together_commit_together(tmp_path: Path) -> None:
    all_there = asyncio.Event()
    store = CountingStore(tmp_path / "mailbox.db")

    async def work(turn: Turn) -> Step:
        await all_there.wait()
        return echo(turn)

    async with running(store, Script(work)) as stand:
        await stand.deliver(*events(keys=300, each=1))
        await until(lambda: stand.script.running == 300)
        assert store.commits == 0
        all_there.set()
        await stand.quiet()
        assert len(first_places(stand.tape.ids())) == 300
        assert store.commits <= 3


async def test_what_comes_during_a_turn_waits_for_the_next(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def work(turn: Turn) -> Step:
        await go_on.wait()
        return echo(turn)

    async with running(tmp_path, Script(work)) as stand:
        await stand.deliver(event("0"))
        await until(lambda: stand.script.running == 1)
        await stand.deliver(event("1"), event("2"))
        go_on.set()
        await stand.quiet()
        assert stand.script.turns == [("a-0",), ("a-1", "a-2")]


async def test_a_duplicate_is_done_once(tmp_path: Path) -> None:
    async with running(tmp_path) as stand:
        await stand.deliver(event("0"), event("0"))
        await stand.quiet()
        await stand.deliver(event("0"), event("1"))
        await stand.quiet()
        assert await stand.state("a") == ["a-0", "a-1"]
        assert len(stand.tape.rows) == 2


async def test_a_timer_becomes_a_message_with_its_note(tmp_path: Path) -> None:
    notes: list[tuple[str, JsonObject]] = []

    async def work(turn: Turn) -> Step:
        due = [each.data for each in turn.events if isinstance(each.data, TimerDue)]
        notes.extend((timer.name, timer.note) for timer in due)
        return Step() if due else Step(timers=(Timer("early", timedelta(seconds=0.05), {"asked": 2}),))

    async with running(tmp_path, Script(work)) as stand:
        await stand.deliver(event("0"))
        await until(lambda: bool(notes))
        await stand.quiet()
        assert notes == [("early", {"asked": 2})]


async def test_who_watches_a_key_is_woken_by_its_step(tmp_path: Path) -> None:
    async with running(tmp_path) as stand:
        with stand.mailbox.watch.on(Key("acme", "a")) as bell:
            await stand.deliver(event("0"))
            async with asyncio.timeout(5):
                await bell.wait(60)
            assert await stand.state("a") == ["a-0"]
