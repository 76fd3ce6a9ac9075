"""A tenant whose turns hang, or that has very much waiting, holds up no other."""

import asyncio
from dataclasses import replace
from pathlib import Path

from aivis.events.envelope import Event
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Step
from tests.integration.aivis.mailbox.stand import LIMITS, Script, echo, event, running, until


def of(tenant: str, count: int) -> list[Event]:
    return [event(f"{tenant}-{n}", f"{tenant}-{n}")._replace(tenant=tenant) for n in range(count)]


async def test_a_tenant_whose_turns_all_hang_leaves_the_others_their_pace(tmp_path: Path) -> None:
    never = asyncio.Event()
    done: list[str] = []

    async def work(turn: Turn) -> Step:
        if turn.key.tenant == "stuck":
            await never.wait()
        done.append(turn.key.tenant)
        return echo(turn)

    async with running(tmp_path, Script(work), limits=replace(LIMITS, in_flight=8)) as stand:
        await stand.deliver(*of("stuck", 100))
        await until(lambda: stand.script.running == 6)
        async with asyncio.timeout(5):
            for turn in range(1, 6):
                await stand.deliver(*[each._replace(id=f"{turn}-{each.id}") for each in of("well", 3)])
                await until(lambda turn=turn: len(done) == 3 * turn)  # type: ignore[misc]  # a lambda's default
        assert (set(done), stand.script.running) == ({"well"}, 6)
        never.set()
        await until(lambda: done.count("stuck") == 100)


async def test_a_tenant_at_its_bound_works_through_all_that_it_has(tmp_path: Path) -> None:
    async def work(turn: Turn) -> Step:
        await asyncio.sleep(0.005)
        return echo(turn)

    patient = replace(LIMITS, in_flight=8, poll_seconds=60)
    async with running(tmp_path, Script(work), limits=patient) as stand:
        await stand.deliver(*of("acme", 100))
        async with asyncio.timeout(5):
            await until(lambda: len(stand.script.turns) == 100)
        assert stand.script.most_running == 6


async def test_one_key_is_worked_on_at_once_behind_thousands_of_another_tenant(tmp_path: Path) -> None:
    order: list[str] = []

    async def work(turn: Turn) -> Step:
        order.append(turn.key.tenant)
        await asyncio.sleep(0.002)
        return echo(turn)

    async with running(tmp_path, Script(work), limits=replace(LIMITS, in_flight=8)) as stand:
        await stand.deliver(*of("flood", 3_000))
        await until(lambda: len(order) > 20)
        before = len(order)
        await stand.deliver(*of("small", 1))
        await until(lambda: "small" in order)
        assert order.index("small") - before < 60
