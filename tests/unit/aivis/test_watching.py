import asyncio

from aivis.mailbox.values import Key
from aivis.mailbox.watching import Watch

KEY, OTHER = Key("acme", "c1"), Key("acme", "c2")


async def test_a_step_wakes_everybody_who_waits_for_its_key() -> None:
    watch = Watch()
    with watch.on(KEY) as one, watch.on(KEY) as two:
        waiting = [asyncio.create_task(bell.wait(60)) for bell in (one, two)]
        await asyncio.sleep(0)
        watch.ring(KEY)
        await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_a_step_between_looking_and_waiting_is_not_missed() -> None:
    watch = Watch()
    with watch.on(KEY) as bell:
        watch.ring(KEY)
        await asyncio.wait_for(bell.wait(60), 5)


async def test_a_step_of_another_key_wakes_nobody_and_a_waiter_returns_by_itself() -> None:
    watch = Watch()
    with watch.on(KEY) as bell:
        watch.ring(OTHER)
        waiting = asyncio.create_task(bell.wait(0.01))
        await asyncio.sleep(0)
        assert not waiting.done()
        await waiting


async def test_nothing_is_left_of_who_has_gone() -> None:
    watch = Watch()
    with watch.on(KEY):
        pass
    watch.ring(KEY)

    assert watch._bells == {}
