"""Dead letters that are put back: those that are good now are done, those that are not stay letters."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from aivis import topics
from aivis.admission import Admission, Received
from aivis.errors import Invalid, Transient
from aivis.mailbox.letters import Became, Outcome
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.mending import Mending
from aivis.mailbox.stores.sqlite.store import SqliteStore
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Arrival, Lease, Letter, Receipt, Step
from tests.integration.aivis.mailbox.stand import NOW, SERVICE, Script, Stand, arrival, echo, event, kept, running

TICKETS = topics.TICKETS
KNOWS_TICKETS = Admission({TICKETS.name: TICKETS})
KNOWS_NOTHING = Admission({})


def received(name: str = "0", key: bytes = b"acme/a") -> Received:
    came = arrival(event(name))
    return Received(came.topic, f"{came.topic}[0]@7", key, came.headers, came.value)


async def only_letter(stand: Stand) -> Letter:
    [letter] = await kept(stand)
    return letter


async def retry(stand: Stand, *ids: int, seconds: float = 0) -> list[Became]:
    return await Mending(stand.mailbox).retry(ids, seconds=seconds)


async def retried(stand: Stand, letter: Letter, *, seconds: float = 0) -> Became:
    [became] = await retry(stand, letter.id, seconds=seconds)
    assert became.id == letter.id
    return became


async def test_a_buried_message_is_done_when_what_was_wrong_is_mended(tmp_path: Path) -> None:
    broken = [True]

    async def work(turn: Turn) -> Step:
        if broken:
            raise Invalid("no such module")
        return echo(turn)

    async with running(tmp_path, Script(work)) as stand:
        await stand.deliver(event("0"))
        await stand.quiet()
        broken.clear()
        became = await retried(stand, await only_letter(stand), seconds=5)
        assert became.outcome is Outcome.DONE
        assert await stand.state("a") == ["a-0"]
        assert await stand.mailbox.store.letters(limit=10) == []


async def test_a_buried_message_that_is_still_bad_is_buried_again(tmp_path: Path) -> None:
    async def work(turn: Turn) -> Step:
        raise Invalid("no such module")

    async with running(tmp_path, Script(work)) as stand:
        await stand.deliver(event("0"))
        await stand.quiet()
        first = await only_letter(stand)
        became = await retried(stand, first, seconds=5)
        again = await only_letter(stand)
        assert became == Became(first.id, Outcome.BURIED, "Invalid: no such module", again.id)
        assert (again.value, again.event_id) == (first.value, first.event_id)
        assert again.id != first.id


async def test_a_quarantined_message_that_is_good_now_is_let_in_and_done(tmp_path: Path) -> None:
    async with running(tmp_path) as stand:
        arrivals, letters = KNOWS_NOTHING.sort([received()])
        await stand.mailbox.take_in(arrivals, letters)
        letter = await only_letter(stand)
        assert "does not read 'aivis.tickets'" in letter.reason
        stand.mailbox.admit = KNOWS_TICKETS.again
        assert (await retried(stand, letter, seconds=5)).outcome is Outcome.DONE
        assert await stand.state("a") == ["a-0"]
        assert await stand.mailbox.store.letters(limit=10) == []


async def test_a_quarantined_message_that_is_still_bad_stays_with_its_bytes(tmp_path: Path) -> None:
    async with running(tmp_path) as stand:
        stand.mailbox.admit = KNOWS_TICKETS.again
        await stand.mailbox.take_in(*KNOWS_TICKETS.sort([received(key=b"acme/other")]))
        before = await only_letter(stand)
        became = await retried(stand, before)
        assert became.outcome is Outcome.STILL_BAD
        assert "key b'acme/other' is not tenant and case of the event" in became.reason
        assert await only_letter(stand) == before
        assert stand.script.turns == []


async def test_a_known_id_with_another_body_stays_out_however_often_it_is_retried(tmp_path: Path) -> None:
    async with running(tmp_path) as stand:
        stand.mailbox.admit = KNOWS_TICKETS.again
        await stand.mailbox.take_in(*KNOWS_TICKETS.sort([received()]))
        other = received()._replace(value=b'{"text": "other words"}')
        await stand.mailbox.take_in(*KNOWS_TICKETS.sort([other]))
        letter = await only_letter(stand)
        assert "a-0 is known with another body" in letter.reason
        assert letter.value == other.value
        for _ in range(2):
            became = await retried(stand, letter)
            assert became.outcome is Outcome.STILL_BAD
            assert "known with another body" in became.reason
        assert (await only_letter(stand)).value == other.value
        await stand.quiet()
        assert await stand.state("a") == ["a-0"]


async def test_what_is_nothing_to_the_service_any_more_is_let_go(tmp_path: Path) -> None:
    async with running(tmp_path) as stand:
        await stand.mailbox.take_in(*KNOWS_NOTHING.sort([received()]))
        stand.mailbox.admit = replace(KNOWS_TICKETS, refine=lambda topic, head, arrival: None).again
        became = await retried(stand, await only_letter(stand), seconds=5)
        assert (became.outcome, became.reason) == (Outcome.DONE, "it is nothing to this service any more")
        assert await stand.mailbox.store.letters(limit=10) == []
        assert stand.script.turns == []


async def test_a_letter_that_is_gone_is_told_and_stops_no_other(tmp_path: Path) -> None:
    broken = [True]

    async def work(turn: Turn) -> Step:
        if broken:
            raise Invalid("no such module")
        return echo(turn)

    async with running(tmp_path, Script(work)) as stand:
        await stand.deliver(event("0"), event("1", "b"))
        await stand.quiet()
        broken.clear()
        second, first = (letter.id for letter in await kept(stand))
        became = await retry(stand, first, 4711, second, first, seconds=5)
        assert [(each.id, each.outcome.value) for each in became] == [(first, "done"), (4711, "gone"), (second, "done")]
        again = await retry(stand, first, second, seconds=5)
        assert [each.outcome.value for each in again] == ["gone", "gone"]
        assert [await stand.state(key) for key in "ab"] == [["a-0"], ["b-1"]], "nothing was done twice"


@pytest.mark.parametrize(
    ("meanwhile", "state"),
    [("delete from inbox", ["a-0"]), ("update inbox set state = 1", [])],
    ids=["pruned", "done"],
)
async def test_a_letter_brings_its_message_back_where_it_is_gone_and_does_nothing_where_it_is_done(
    tmp_path: Path, meanwhile: str, state: list[str]
) -> None:
    broken = [True]

    async def work(turn: Turn) -> Step:
        if broken:
            raise Invalid("no such module")
        return echo(turn)

    async with running(tmp_path, Script(work)) as stand:
        await stand.deliver(event("0"))
        await stand.quiet()
        broken.clear()
        with contextlib.closing(sqlite3.connect(tmp_path / "mailbox.db")) as database, database:
            assert database.execute(meanwhile).rowcount == 1
        assert (await retried(stand, await only_letter(stand), seconds=5)).outcome is Outcome.DONE
        assert await stand.state("a") == state


async def test_a_message_that_is_not_done_in_time_is_said_to_wait(tmp_path: Path) -> None:
    broken, done = [True], asyncio.Event()

    async def work(turn: Turn) -> Step:
        if broken:
            raise Invalid("no such module")
        await done.wait()
        return echo(turn)

    async with running(tmp_path, Script(work)) as stand:
        await stand.deliver(event("0"))
        await stand.quiet()
        broken.clear()
        assert (await retried(stand, await only_letter(stand), seconds=0.1)).outcome is Outcome.WAITING
        done.set()
        await stand.quiet()
        assert await stand.state("a") == ["a-0"]


async def test_a_dropped_letter_is_gone_for_good_and_leaves_its_trace(tmp_path: Path) -> None:
    async def work(turn: Turn) -> Step:
        raise Invalid("no such module")

    async with running(tmp_path, Script(work)) as stand:
        mending = Mending(stand.mailbox)
        await stand.deliver(event("0"))
        await stand.mailbox.take_in(*KNOWS_NOTHING.sort([received("1")]))
        await stand.quiet()
        buried, quarantined = sorted(await stand.mailbox.store.letters(limit=10), key=lambda each: each.kind)
        with structlog.testing.capture_logs() as logs:
            became = await mending.drop([buried.id, 4711, quarantined.id], by="dana at 127.0.0.1")
        assert [each.outcome.value for each in became] == ["dropped", "gone", "dropped"]
        traces = {line["letter"]: line for line in logs if line["event"] == "dead letter dropped"}
        assert traces.keys() == {buried.id, quarantined.id}
        trace = traces[buried.id]
        assert (trace["by"], trace["tenant"], trace["case"], trace["id"]) == ("dana at 127.0.0.1", "acme", "a", "a-0")
        assert (trace["kind"], trace["topic"], trace["reason"]) == ("buried", TICKETS.name, "Invalid: no such module")
        assert await stand.mailbox.store.letters(limit=10) == []
        assert [each.outcome.value for each in await mending.drop([buried.id], by="")] == ["gone"]
        turns = len(stand.script.turns)
        await stand.deliver(event("0"))
        await stand.quiet()
        assert len(stand.script.turns) == turns, "what comes again under its id is not done anew"


async def test_a_service_without_a_bus_says_that_it_reads_no_topic(tmp_path: Path) -> None:
    async with running(tmp_path) as stand:
        await stand.mailbox.take_in(*KNOWS_NOTHING.sort([received()]))
        letter = await only_letter(stand)
        assert (await retried(stand, letter)).reason == "aivis.tickets: this service reads no topic"


class BreakingStore(SqliteStore):
    """A store that goes away when a letter is to be taken out."""

    away = True

    async def retry(self, ids: Sequence[int]) -> list[Letter]:
        if self.away:
            raise Transient("away")
        return await super().retry(ids)


async def test_a_crash_between_letting_in_and_taking_out_loses_and_doubles_nothing(tmp_path: Path) -> None:
    store = BreakingStore(tmp_path / "mailbox.db")
    async with running(store) as stand:
        await stand.mailbox.take_in(*KNOWS_NOTHING.sort([received()]))
        stand.mailbox.admit = KNOWS_TICKETS.again
        letter = await only_letter(stand)
        with pytest.raises(Transient):
            await retried(stand, letter)
        assert await only_letter(stand) == letter
        store.away = False
        assert (await retried(stand, letter, seconds=5)).outcome is Outcome.DONE
        assert await stand.state("a") == ["a-0"]
        assert await store.letters(limit=10) == []


class PickyStore(SqliteStore):
    """A database that can never take one message as it is, like PostgreSQL a NUL in a text."""

    async def receive(
        self, arrivals: Sequence[Arrival], limit: int = 0, **bounds: Any
    ) -> tuple[list[Receipt], list[Lease]]:
        if any(each.event_id == "a-1" for each in arrivals):
            raise Invalid("a NUL in event_id")
        return await super().receive(arrivals, limit, **bounds)


async def test_a_message_that_no_database_takes_is_quarantined_and_its_batch_goes_in(tmp_path: Path) -> None:
    async with running(PickyStore(tmp_path / "mailbox.db")) as stand:
        await stand.mailbox.take_in([arrival(event(str(n))) for n in range(3)], [])
        await stand.quiet()
        assert await stand.state("a") == ["a-0", "a-2"]
        letter = await only_letter(stand)
        assert (letter.reason, letter.value) == ("a NUL in event_id", arrival(event("1")).value)


async def test_a_conflict_by_http_is_told_to_the_caller_and_kept_nowhere(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "mailbox.db")
    await store.open()
    mailbox = Mailbox(SERVICE, store, Script(), now=lambda: NOW)
    await mailbox.receive([arrival(event("0"))])
    receipts = await mailbox.receive([arrival(event("0"))._replace(value=b"{}")])
    assert receipts == ["conflict"]
    assert await store.letters(limit=10) == []
    await store.close()
