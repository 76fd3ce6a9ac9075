"""Whatever fails, and whenever: nothing is lost, nothing is doubled, and no order is broken."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from aivis.errors import Transient
from aivis.mailbox.insisting import until_answered
from aivis.mailbox.stores.sqlite.store import SqliteStore
from aivis.mailbox.values import OutboxRow, Verdict, Write
from tests.integration.aivis.mailbox.schedule import HARSH, survives
from tests.integration.aivis.mailbox.stand import Faults, FaultyStore, Script, event, running


@pytest.mark.parametrize("seed", range(6))
async def test_no_schedule_of_failures_loses_or_doubles_a_thing(tmp_path: Path, seed: int) -> None:
    faults = Faults(seed)
    store = FaultyStore(tmp_path / "mailbox.db", faults)
    await survives(store, faults, lambda: _outbox(store), seed=seed)


async def _outbox(store: SqliteStore) -> int:
    """How many rows there ever were; nothing is pruned yet."""
    return int(await store._read(lambda connection: connection.execute("select count(*) from outbox").fetchone()[0]))


class MuteStore(SqliteStore):
    """A store that commits and does not say so."""

    mute = True

    async def commit(
        self, writes: Sequence[Write], *, claim_seconds: float = 0
    ) -> tuple[list[Verdict], list[OutboxRow]]:
        committed = await super().commit(writes, claim_seconds=claim_seconds)
        if self.mute:
            raise Transient("the reply is lost")
        return committed


async def test_a_commit_whose_reply_is_lost_every_time_is_done_once_all_the_same(tmp_path: Path) -> None:
    """The bound of tries ends in the middle of it, with several messages in the turn."""

    store = MuteStore(tmp_path / "mailbox.db")
    async with running(
        store, Script(), limits=replace(HARSH, transient_seconds=0, attempts=1, lease_seconds=30)
    ) as stand:
        await stand.deliver(*(event(str(n)) for n in range(3)))
        await asyncio.sleep(1.2)
        store.mute = False
        await stand.deliver(event("3"))
        await stand.quiet()
        assert await stand.state("a") == ["a-0", "a-1", "a-2", "a-3"]
        assert await _outbox(store) == 4
        assert await store.letters(limit=10) == []


async def test_a_database_that_hangs_is_asked_again_for_a_bounded_time() -> None:
    now, tries = [0.0], [0]

    async def hang() -> None:
        now[0] += 6
        tries[0] += 1
        raise Transient("no answer")

    with pytest.raises(Transient):
        await until_answered(hang, lambda: now[0])
    assert tries[0] == 2, "none is begun after ten seconds"


async def test_a_database_that_is_full_takes_up_work_again_when_there_is_room(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "mailbox.db")
    async with running(store, limits=replace(HARSH, lease_seconds=0.2)) as stand:

        async def at_most(pages: int) -> None:
            await store._read(lambda c: c.execute(f"pragma max_page_count={pages}").fetchone())

        await at_most(30)
        with pytest.raises(Transient, match="full"):
            await stand.deliver(*(event(str(n), text="x" * 2_000) for n in range(200)))
        await at_most(1_000_000)
        await stand.deliver(event("last"))
        await stand.quiet()
        assert await stand.state("a") == ["a-last"], "of the batch that did not fit, nothing was taken"
