"""Whatever fails, and whenever: nothing is lost, nothing is doubled, and no order is broken."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
import pytest

from aivis.errors import Transient
from aivis.events.envelope import Event
from aivis.events.tickets import TicketMessageAdded
from aivis.mailbox.stores.sqlite import SqliteStore
from aivis.mailbox.turn import NotYet, Turn
from aivis.mailbox.values import Key, OutboxRow, Step, Verdict, Write
from tests.integration.aivis.mailbox.stand import (
    LIMITS,
    Faults,
    FaultyStore,
    Script,
    Tape,
    answer,
    arrival,
    event,
    first_places,
    running,
)

KEYS, LEAST = 8, 10
HARSH = replace(LIMITS, lease_seconds=0.4, claim_seconds=0.2, backoff_seconds=0.002, transient_attempts=10_000)


@dataclass
class Unsteady:
    """A handler that fails, dawdles and commits on the way; what it does is nevertheless done once."""

    dice: random.Random
    share: float = 0.2
    failures: int = 0

    async def __call__(self, turn: Turn) -> Step:
        await asyncio.sleep(self.dice.uniform(0, 0.004))
        if self.dice.random() < self.share:
            await turn.commit(Step(label="on the way"))
        if self.dice.random() < self.share:
            self.failures += 1
            raise self.dice.choice([Transient("away"), NotYet("early", seconds=0.002), KeyError("a fault of ours")])
        seen = [] if turn.state is None else orjson.loads(turn.state)
        log = tuple(_numbered(each, len(seen) + n) for n, each in enumerate(turn.events, 1))
        return Step(
            state=orjson.dumps([*seen, *(each.id for each in turn.events)]),
            publish=tuple(answer(each) for each in turn.events),
            log=log,
        )


def _numbered(event: Event, place: int) -> Event:
    return event.model_copy(update={"sequence": place})


@pytest.mark.parametrize("seed", range(6))
async def test_no_schedule_of_failures_loses_or_doubles_a_thing(tmp_path: Path, seed: int) -> None:
    dice, faults = random.Random(seed), Faults(seed)
    handler = Unsteady(dice)

    def accepts(row: OutboxRow) -> tuple[bool, bool]:
        taken = faults.share == 0 or dice.random() > 0.2
        return taken, taken and (faults.share == 0 or dice.random() > 0.2)

    script = Script(handler, interrupting=frozenset({TicketMessageAdded.TYPE}) if seed % 2 else frozenset())
    store, tape = FaultyStore(tmp_path / "mailbox.db", faults), Tape(accepts)
    limits = replace(HARSH, attempts=10_000)
    async with running(store, script, tape, limits) as stand:
        faults.share = 0.15
        each = 0
        while each < LEAST or faults.landed < 40 or not handler.failures:  # the load lasts as long as the faults
            await stand.mailbox.take_in([arrival(event(str(each), f"k{key}")) for key in range(KEYS)], [])
            await asyncio.sleep(dice.uniform(0, 0.02))
            each += 1
        faults.share, handler.share = 0, 0
        await stand.quiet()
        for key in range(KEYS):
            names = [f"k{key}-{place}" for place in range(each)]
            assert await stand.state(f"k{key}") == names
            log = await stand.mailbox.store.log(Key("acme", f"k{key}"), after=0, limit=100)
            assert [(row.sequence, row.event_id) for row in log] == list(enumerate(names, 1))
            sent = [row.event_id for row in tape.rows if row.key == f"acme/k{key}"]
            wanted = [answer(event(str(place), f"k{key}")).event.id for place in range(each)]
            assert set(sent) == set(wanted)
            assert first_places(reversed(sent))[::-1] == wanted
        assert await _outbox(store) == KEYS * each, "each answer was decided once"
        assert await stand.mailbox.store.letters(limit=10) == []


async def _outbox(store: SqliteStore) -> int:
    """How many rows there ever were; nothing is pruned yet."""
    return int(await store._read(lambda connection: connection.execute("select count(*) from outbox").fetchone()[0]))


class MuteStore(SqliteStore):
    """A store that commits and does not say so."""

    mute = True

    async def commit(self, writes: Sequence[Write]) -> list[Verdict]:
        verdicts = await super().commit(writes)
        if self.mute:
            raise Transient("the reply is lost")
        return verdicts


async def test_a_commit_whose_reply_is_lost_every_time_is_done_once_all_the_same(tmp_path: Path) -> None:
    """The bound of tries ends in the middle of it, with several messages in the turn."""

    store = MuteStore(tmp_path / "mailbox.db")
    async with running(store, Script(), limits=replace(HARSH, transient_attempts=1)) as stand:
        await stand.deliver(*(event(str(n)) for n in range(3)))
        await asyncio.sleep(1.2)
        store.mute = False
        await stand.deliver(event("3"))
        await stand.quiet()
        assert await stand.state("a") == ["a-0", "a-1", "a-2", "a-3"]
        assert await _outbox(store) == 4
        assert await store.letters(limit=10) == []


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
