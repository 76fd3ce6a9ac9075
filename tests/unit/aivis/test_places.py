import asyncio

import pytest

from aivis.places import Busy, Places, room

SECONDS = 1e9


def full(places: Places, who: str) -> int:
    """Take all that `who` can get; how many that were."""
    taken = 0
    while places.take(who):
        taken += 1
    return taken


def test_one_who_is_alone_gets_three_quarters_and_two_get_the_same() -> None:
    alone = Places(100)
    assert full(alone, "a") == 75
    both = Places(700)
    for _ in range(700):
        both.take("a")
        both.take("b")
    assert both.taken == 600
    assert room(100, 300) == 0


def test_who_has_none_gets_one_while_any_is_free_however_many_came_before() -> None:
    places = Places(10)
    assert [places.take(f"t{n}") for n in range(11)] == [True] * 10 + [False]


def test_what_is_given_back_may_be_taken_again() -> None:
    places = Places(4)
    assert full(places, "a") == 3
    places.leave("a")
    assert full(places, "a") == 1
    assert places.taken == 3


def test_a_share_of_one_bounds_nobody_but_by_all_places() -> None:
    assert full(Places(5, share=1), "a") == 5


async def test_those_who_wait_take_turns_and_of_one_the_first_comes_first() -> None:
    places, order = Places(1), list[str]()

    async def work(who: str, name: str) -> None:
        async with places.waited_for(who, SECONDS):
            order.append(name)
            await asyncio.sleep(0)

    names = ("a1", "a2", "a3", "b1", "c1")
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(work(name[0], name))
    assert order == ["a1", "a2", "b1", "c1", "a3"]
    assert places.taken == 0


async def test_who_gives_up_waiting_takes_no_place_and_holds_up_nobody() -> None:
    places = Places(1)
    async with places.waited_for("a", SECONDS):
        waiting = asyncio.create_task(places.wait_for("b", SECONDS))
        behind = asyncio.create_task(places.wait_for("b", SECONDS))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
    await behind
    assert places.taken == 1


async def test_who_is_cancelled_in_the_moment_of_getting_a_place_gives_it_back() -> None:
    places = Places(1)
    places.take("a")
    waiting = asyncio.create_task(places.wait_for("b", SECONDS))
    await asyncio.sleep(0)
    places.leave("a")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert places.taken == 0


async def test_a_wait_without_end_ends_with_busy() -> None:
    places = Places(1)
    places.take("a")
    with pytest.raises(Busy, match="none came free for b"):
        async with places.waited_for("b", 0):
            raise AssertionError("there was no place")
    assert places.taken == 1
