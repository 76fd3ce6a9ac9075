"""What was decided gets out: at least once, in order per key, whatever the broker refuses."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aivis.errors import Transient
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.stores.sqlite.store import SqliteStore
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import OutboxRow, Step
from tests.integration.aivis.mailbox.stand import (
    LIMITS,
    NOW,
    SERVICE,
    Script,
    Tape,
    answer,
    arrival,
    event,
    events,
    first_places,
    running,
    stopped,
    until,
)


def asked(key: int, each: int) -> list[str]:
    return [answer(event(str(n), f"k{key}")).event.id for n in range(each)]


def by_key(rows: Sequence[OutboxRow]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row.key].append(row.event_id)
    return found


async def test_a_broker_that_refuses_some_gets_all_in_the_end_and_in_order(tmp_path: Path) -> None:
    """As the bus tells it: nothing behind a refused row of a key counts as sent, whether the broker took it or not."""
    dice = random.Random(2)

    def accepts(row: OutboxRow) -> tuple[bool, bool]:
        refused = dice.random() < 0.3
        return not refused, not refused

    async with running(tmp_path, tape=Tape(accepts)) as stand:
        await stand.deliver(*events(keys=20, each=10))
        await stand.quiet()
        sent = by_key(stand.tape.rows)
        for key in range(20):
            got = sent[f"acme/k{key}"]
            assert set(got) == set(asked(key, 10))
            # Each row counts as sent only after all before it: the last time each was sent is in order.
            assert first_places(reversed(got))[::-1] == asked(key, 10)


async def test_what_the_broker_took_without_saying_so_is_sent_again(tmp_path: Path) -> None:
    silent = [True] * 3

    async with running(tmp_path, tape=Tape(lambda row: (True, not (silent and silent.pop())))) as stand:
        await stand.deliver(event("0"))
        await stand.quiet()
        assert stand.tape.ids() == asked_of("0") * 4


def asked_of(*names: str) -> list[str]:
    return [answer(event(name)).event.id for name in names]


class AwayTape(Tape):
    """A broker that cannot be reached the first times."""

    tries = 0

    async def send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        self.tries += 1
        if self.tries <= 3:
            raise Transient("not connected")
        return await super().send(rows)


async def test_a_broker_that_is_away_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    async with running(tmp_path, tape=AwayTape()) as stand:
        await stand.deliver(event("0"), event("1"))
        async with asyncio.timeout(5):
            await stand.quiet()
        assert stand.tape.ids() == asked_of("0", "1")


class ForgetfulStore(SqliteStore):
    """A store that is away just when rows are to be marked as sent."""

    away = True

    async def mark_sent(self, ids: Sequence[int]) -> None:
        if self.away:
            raise Transient("away")
        await super().mark_sent(ids)


async def test_rows_whose_mark_was_lost_are_sent_again_after_their_claim(tmp_path: Path) -> None:
    store = ForgetfulStore(tmp_path / "mailbox.db")
    async with running(store, limits=replace(LIMITS, claim_seconds=0.2)) as stand:
        await stand.deliver(event("0"), event("1"))
        await until(lambda: len(stand.tape.rows) >= 2)
        store.away = False
        await stand.quiet()
        assert first_places(stand.tape.ids()) == asked_of("0", "1")


class HangingTape(Tape):
    """A broker that takes what it is sent, and says so late."""

    async def send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        said = await super().send(rows)
        await asyncio.sleep(0.3)
        return said


async def test_stopping_waits_for_the_broker_s_word_so_that_nothing_is_sent_twice(tmp_path: Path) -> None:
    store, tape = SqliteStore(tmp_path / "mailbox.db"), HangingTape()
    await store.open()
    mailbox = Mailbox(SERVICE, store, Script(), limits=LIMITS, now=lambda: NOW)
    task = asyncio.create_task(mailbox.run(tape))
    await mailbox.receive([arrival(event("0"))])
    await until(lambda: len(tape.rows) == 1)
    await stopped(task)
    assert (await store.depths()).outbox == 0
    assert tape.ids() == asked_of("0")
    await store.close()


async def test_a_step_is_published_at_once_without_waiting_for_the_next_look(tmp_path: Path) -> None:
    async with running(tmp_path, limits=replace(LIMITS, poll_seconds=30)) as stand:
        await asyncio.sleep(0.05)
        async with asyncio.timeout(3):
            await stand.deliver(event("0"))
            await until(lambda: len(stand.tape.rows) == 1)


class BlindStore(SqliteStore):
    """A store in which a publisher finds nothing: it has what commits hand over, and no more."""

    async def claim(self, limit: int, *, seconds: float) -> list[OutboxRow]:
        return []


async def test_what_a_commit_leaves_is_published_without_being_read_again(tmp_path: Path) -> None:
    async with running(BlindStore(tmp_path / "mailbox.db")) as stand:
        await asyncio.sleep(0.05)
        await stand.deliver(event("0"), event("1"))
        await stand.quiet()
        assert stand.tape.ids() == asked_of("0", "1")


async def test_what_is_behind_a_refused_event_waits_for_it_also_in_the_next_group(tmp_path: Path) -> None:
    """One step leaves more than goes out at once, and the broker refuses an event of the first group once."""
    many = [f"{n:03}" for n in range(700)]
    refused = asked_of(many[250])

    async def work(turn: Turn) -> Step:
        return Step(state=b"[]", publish=tuple(answer(event(name)) for name in many))

    def accepts(row: OutboxRow) -> tuple[bool, bool]:
        if row.event_id not in refused:
            return True, True
        refused.clear()
        return False, False

    async with running(tmp_path, Script(work), tape=RefusingTape(accepts)) as stand:
        await asyncio.sleep(0.05)
        await stand.deliver(event("0"))
        await stand.quiet()
        assert stand.tape.ids() == asked_of(*many)


class RefusingTape(Tape):
    """A broker that takes nothing behind what it refused, and tells so, as the bus does."""

    async def send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        for place, row in enumerate(rows):
            if not self.accepts(row)[0]:
                return [True] * place + [False] * (len(rows) - place)
            self.rows.append(row)
        return [True] * len(rows)
