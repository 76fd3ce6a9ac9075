import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aivis.errors import Conflict, NotFound, Refused, Transient, Unknown
from aivis.toolkit import Tool
from aivis.toolkit.journal import SqliteJournal, State
from aivis.toolkit.running import Asked, Runner
from tests.unit.aivis.toolkit.shelf import Book, Lend, Lent, Shelf, tools


class Died(BaseException):
    """Stands for the death of the process: nothing of ours catches it."""


class Clock:
    seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


class World:
    """A runner over a shelf, which can be begun anew as after a crash."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shelf, self.clock = folder, Shelf(), Clock()
        self.shelf.release.set()
        self.begin()

    def begin(self, threads: int = 4, waiting: int = 4) -> None:
        self.journal = SqliteJournal(self.folder / "journal.db", self.clock)
        self.runner = Runner(
            journal=self.journal, system=self._system, threads=threads, waiting=waiting, now=self.clock
        )

    def _system(self, tenant: str) -> Shelf:
        if tenant == "stranger":
            raise Refused("no shelf for stranger")
        return self.shelf

    async def call(self, tool: str, key: str = "k", *, seconds: float = 10, tenant: str = "acme", **given: Any) -> Any:
        declared: Tool[Shelf] = tools.get(tool)
        asked = Asked(tenant, key, "case", seconds)
        return json.loads(await self.runner.call(declared, declared.arguments(**given), asked))

    async def lookup(self, tool: str, key: str = "k", **given: Any) -> tuple[bool, bytes]:
        declared: Tool[Shelf] = tools.get(tool)
        return await self.runner.lookup(declared, declared.arguments(**given), Asked("acme", key, "case", 10))

    async def undo(self, result: Lent, key: str = "undo", reader: str = "ada") -> Any:
        asked = Asked("acme", key, "case", 10)
        parameters = Lend(title="atlas", reader=reader), result
        return json.loads(await self.runner.undo(tools.get("shelf.lend"), parameters, asked))

    async def die_in(self, tool: str, key: str = "k", **given: Any) -> None:
        """The process dies after the effect and before its record."""
        self.shelf.crash = Died()
        with pytest.raises(Died):
            await self.call(tool, key, **given)
        self.shelf.crash = None
        self.journal.close()
        self.begin()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    built = World(tmp_path)
    yield built
    built.shelf.release.set()
    await built.runner.close()
    built.journal.close()


async def test_a_read_runs_every_time_and_needs_no_key(world: World) -> None:
    assert (await world.call("shelf.look", "", title="atlas"))["reader"] == ""
    world.shelf.lent["atlas"] = "ada"
    assert (await world.call("shelf.look", "", title="atlas"))["reader"] == "ada"


async def test_a_coroutine_function_is_a_tool_too(world: World) -> None:
    assert (await world.call("shelf.look_later", title="atlas"))["title"] == "atlas"
    with pytest.raises(NotFound):
        await world.call("shelf.look_later", title="nothing")


async def test_the_same_key_acts_once_and_gives_the_recorded_result(world: World) -> None:
    first = await world.call("shelf.lend", title="atlas", reader="ada")
    world.shelf.lent["atlas"] = "eve"
    assert await world.call("shelf.lend", title="atlas", reader="ada") == first
    assert world.shelf.done == ["lend ada"]


async def test_the_same_key_with_other_parameters_is_refused_and_does_nothing(world: World) -> None:
    await world.call("shelf.lend", title="atlas", reader="ada")
    with pytest.raises(Conflict):
        await world.call("shelf.lend", title="atlas", reader="eve")
    with pytest.raises(Conflict):
        await world.call("shelf.buy", title="atlas")
    assert world.shelf.done == ["lend ada"]


async def test_two_callers_with_one_key_share_one_run(world: World) -> None:
    world.shelf.release.clear()
    calls = [asyncio.create_task(world.call("shelf.lend", title="atlas", reader="ada")) for _ in range(2)]
    await asyncio.to_thread(world.shelf.entered.wait, 5)
    with pytest.raises(Conflict):
        await world.call("shelf.lend", title="atlas", reader="eve")
    world.shelf.release.set()
    first, second = await asyncio.gather(*calls)
    assert first == second
    assert world.shelf.done == ["lend ada"]


async def test_after_a_crash_a_deduping_effect_is_made_again_and_remembers_what_was_before(world: World) -> None:
    world.shelf.lent["atlas"] = "eve"
    await world.die_in("shelf.lend", title="atlas", reader="ada")
    result = await world.call("shelf.lend", title="atlas", reader="ada")
    assert result == {"title": "atlas", "reader": "ada", "previous": "eve"}
    assert world.shelf.done == ["lend ada", "lend ada"]


async def test_after_a_crash_a_looked_up_effect_is_not_made_again(world: World) -> None:
    await world.die_in("shelf.buy", title="maps")
    with pytest.raises(Unknown, match="settled"):
        await world.call("shelf.buy", title="maps")
    world.clock.seconds += 60
    assert await world.call("shelf.buy", title="maps") == {"title": "maps"}
    assert world.shelf.done == ["buy maps"]


async def test_after_a_crash_before_the_effect_a_looked_up_one_is_made_once(world: World) -> None:
    await world.die_in("shelf.buy", title="lost")
    world.clock.seconds += 60
    assert await world.call("shelf.buy", title="lost") == {"title": "lost"}
    assert world.shelf.done == ["buy lost"]


async def test_after_a_crash_an_effect_that_nobody_can_tell_of_is_left_to_a_person(world: World) -> None:
    await world.die_in("shelf.ring", title="atlas")
    world.clock.seconds += 3600
    with pytest.raises(Unknown, match="new key"):
        await world.call("shelf.ring", title="atlas")
    assert world.shelf.done == ["ring atlas"]


async def test_a_refusal_before_the_effect_is_told_as_it_is_and_the_key_may_be_tried_again(world: World) -> None:
    with pytest.raises(Refused):
        await world.call("shelf.lend", title="atlas", reader="nobody")
    with pytest.raises(Transient):
        await world.call("shelf.lend", "k2", title="atlas", reader="busy")
    record = world.journal.find("acme", "k2")
    assert record is not None
    assert record.state is State.NOTHING


async def test_an_error_after_the_effect_never_says_that_nothing_was_done(world: World) -> None:
    world.shelf.crash = Transient("the answer was lost")
    with pytest.raises(Unknown, match="may have acted"):
        await world.call("shelf.buy", title="maps")
    record = world.journal.find("acme", "k")
    assert record is not None
    assert record.state is State.STARTED


async def test_after_a_crash_a_refusal_does_not_say_that_nothing_was_done(world: World) -> None:
    await world.die_in("shelf.lend", title="atlas", reader="ada")
    world.shelf.crash = Refused("not now")
    with pytest.raises(Unknown, match="earlier attempt"):
        await world.call("shelf.lend", title="atlas", reader="ada")


async def test_time_that_is_up_is_told_and_the_effect_still_ends_and_is_recorded(world: World) -> None:
    world.shelf.release.clear()
    with pytest.raises(TimeoutError):
        await world.call("shelf.lend", seconds=0.05, title="atlas", reader="ada")
    with pytest.raises(Unknown, match="under way"):
        await world.lookup("shelf.lend", title="atlas", reader="ada")
    world.shelf.release.set()
    assert (await world.call("shelf.lend", title="atlas", reader="ada"))["reader"] == "ada"
    assert world.shelf.done == ["lend ada"]


async def test_a_call_that_nobody_waits_for_any_more_does_not_begin(world: World) -> None:
    world.begin(threads=1)
    world.shelf.release.clear()
    first = asyncio.create_task(world.call("shelf.lend", "k1", title="atlas", reader="ada"))
    await asyncio.to_thread(world.shelf.entered.wait, 5)
    with pytest.raises(TimeoutError):
        await world.call("shelf.lend", "k2", seconds=0.05, title="atlas", reader="eve")
    world.shelf.release.set()
    await first
    await world.runner.close()
    assert world.shelf.done == ["lend ada"]


async def test_a_tool_that_hangs_is_refused_as_busy_at_its_bound_and_others_go_on(world: World) -> None:
    world.begin(threads=1, waiting=1)
    world.shelf.release.clear()
    calls = [
        asyncio.create_task(world.call("shelf.lend", f"k{number}", title="atlas", reader="ada")) for number in range(3)
    ]
    await asyncio.to_thread(world.shelf.entered.wait, 5)
    with pytest.raises(Transient, match="busy"):
        await world.call("shelf.lend", "k3", title="atlas", reader="ada")
    assert (await world.call("shelf.look", title="atlas"))["reader"] == ""
    world.shelf.release.set()
    await asyncio.gather(*calls)
    assert (await world.call("shelf.look", title="atlas"))["reader"] == "ada"


async def test_a_tenant_without_a_system_is_refused_and_can_be_added_later(world: World) -> None:
    with pytest.raises(Refused, match="stranger"):
        await world.call("shelf.lend", tenant="stranger", title="atlas", reader="ada")
    assert world.shelf.done == []


async def test_lookup_tells_what_the_journal_holds(world: World) -> None:
    await world.call("shelf.lend", title="atlas", reader="ada")
    happened, result = await world.lookup("shelf.lend", title="atlas", reader="ada")
    assert happened
    assert json.loads(result)["reader"] == "ada"
    with pytest.raises(Refused):
        await world.call("shelf.lend", "k2", title="atlas", reader="nobody")
    assert await world.lookup("shelf.lend", "k2", title="atlas", reader="nobody") == (False, b"")


async def test_lookup_cannot_tell_of_a_key_the_journal_never_saw_unless_the_system_can(world: World) -> None:
    with pytest.raises(Unknown):
        await world.lookup("shelf.lend", title="atlas", reader="ada")
    assert await world.lookup("shelf.buy", title="maps") == (False, b"")
    world.shelf.keys["k"] = "maps"
    assert await world.lookup("shelf.buy", title="maps") == (True, b'{"title":"maps"}')


async def test_lookup_asks_the_real_system_after_a_crash(world: World) -> None:
    await world.die_in("shelf.buy", title="maps")
    assert await world.lookup("shelf.buy", title="maps") == (True, b'{"title":"maps"}')
    with pytest.raises(Unknown):
        await world.lookup("shelf.buy", "k3", title="unknowable")


async def test_lookup_of_a_read_says_that_nothing_happened(world: World) -> None:
    assert await world.lookup("shelf.look", title="atlas") == (False, b"")


async def test_lookup_with_other_parameters_is_refused(world: World) -> None:
    await world.call("shelf.lend", title="atlas", reader="ada")
    with pytest.raises(Conflict):
        await world.lookup("shelf.lend", title="atlas", reader="eve")


async def test_an_undo_is_an_effect_of_its_own_and_acts_once(world: World) -> None:
    lent = Lent(title="atlas", reader="ada", previous="eve")
    assert (await world.undo(lent))["reader"] == "eve"
    world.shelf.lent["atlas"] = "bob"
    assert (await world.undo(lent))["reader"] == "eve"
    assert world.shelf.done == ["back eve"]
    with pytest.raises(Conflict):
        await world.undo(Lent(title="atlas", reader="ada", previous="bob"))


async def test_what_has_no_undo_says_so_and_whom_to_ask(world: World) -> None:
    with pytest.raises(Refused, match="library"):
        await world.runner.undo(tools.get("shelf.ring"), (Book(title="atlas"), Book(title="atlas")),
                                Asked("acme", "u", "case", 5))  # fmt: skip


async def test_closing_waits_until_effects_are_recorded(world: World) -> None:
    world.shelf.release.clear()
    call = asyncio.create_task(world.call("shelf.lend", title="atlas", reader="ada"))
    await asyncio.to_thread(world.shelf.entered.wait, 5)
    threading.Timer(0.05, world.shelf.release.set).start()
    await world.runner.close()
    record = world.journal.find("acme", "k")
    assert record is not None
    assert record.state is State.DONE
    await call
