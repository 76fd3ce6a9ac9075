"""Work that fails: tried again, or given up on, told, and out of the way."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from aivis.errors import AivisError, Conflict, Invalid, NotFound, Refused, Transient, Unknown
from aivis.events.envelope import body
from aivis.events.replies import ReplyKind, ReplySent
from aivis.mailbox.stores.sqlite.store import SqliteStore
from aivis.mailbox.turn import NotYet, Pause, Turn
from aivis.mailbox.values import MAX_REASON, Key, Lease, OutboxRow, Outgoing, Step
from aivis.topics import DEAD_LETTER, REPLIES, TICKETS
from tests.integration.aivis.mailbox.stand import (
    LIMITS,
    NOW,
    Script,
    Tape,
    Work,
    answer,
    arrival,
    echo,
    event,
    first_places,
    kept,
    running,
    until,
)


def failing(*errors: Exception) -> Work:
    """Work that raises each of `errors` once, in order, and then answers."""
    left = list(errors)

    async def work(turn: Turn) -> Step:
        if left:
            raise left.pop(0)
        return echo(turn)

    return work


def bad(*names: str, error: Exception | None = None) -> Work:
    """Work that raises at the events of these names, however often."""

    async def work(turn: Turn) -> Step:
        if any(each.id.split("-")[1] in names for each in turn.events):
            raise error or Invalid("the port is no number: ask again")
        return echo(turn)

    return work


def header(row: OutboxRow, name: str) -> str:
    return dict(row.headers)[name].decode()


async def test_what_may_pass_is_tried_again_later_and_later(tmp_path: Path) -> None:
    times = []

    async def work(turn: Turn) -> Step:
        times.append(asyncio.get_running_loop().time())
        if turn.attempts < 3:
            raise Transient("the model is away")
        return echo(turn)

    limits = replace(LIMITS, poll_seconds=0.01, backoff_seconds=0.06)
    async with running(tmp_path, Script(work), limits=limits) as stand:
        await stand.deliver(event("0"))
        await stand.quiet()
        assert await stand.state("a") == ["a-0"]
        waits = [after - before for before, after in pairwise(times)]
        assert [round(wait, 2) >= least for wait, least in zip(waits, (0.06, 0.12, 0.24), strict=True)] == [True] * 3
        assert stand.tape.dead() == []


async def test_failures_are_forgotten_with_the_next_step(tmp_path: Path) -> None:
    attempts = []

    async def work(turn: Turn) -> Step:
        attempts.append((turn.events[0].id, turn.attempts))
        if turn.attempts < 2:
            raise Transient("the model is away")
        return echo(turn)

    async with running(tmp_path, Script(work)) as stand:
        for name in "01":
            await stand.deliver(event(name))
            await stand.quiet()
    assert attempts == [("a-0", 0), ("a-0", 1), ("a-0", 2), ("a-1", 0), ("a-1", 1), ("a-1", 2)]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Transient("the model is away"), 0.3),
        (NotYet("no ticket", seconds=0.01), 0.6),
        (KeyError("port"), 0),
        (Unknown("no answer"), 0),
    ],
    ids=["transient", "not yet", "our fault", "not known"],
)
async def test_what_never_passes_is_buried_at_the_bound_of_its_kind(
    tmp_path: Path, error: Exception, seconds: float
) -> None:
    limits = replace(LIMITS, backoff_seconds=0.001, attempts=3, transient_seconds=0.3, early_seconds=0.6)
    async with running(tmp_path, Script(bad("0", error=error)), limits=limits) as stand:
        began = asyncio.get_running_loop().time()
        await stand.deliver(event("0"))
        await stand.quiet()
        assert asyncio.get_running_loop().time() - began >= seconds
        assert len(stand.script.turns) == 3 if seconds == 0 else len(stand.script.turns) > 3
        [letter] = await stand.mailbox.store.letters(limit=10)
        assert letter.reason == f"{type(error).__name__}: {error}"


async def test_the_bound_in_time_counts_on_over_a_restart(tmp_path: Path) -> None:
    away = bad("0", error=Transient("away"))
    limits = replace(LIMITS, backoff_seconds=0.001, attempts=3, transient_seconds=0.5)
    async with running(tmp_path, Script(away), limits=limits) as stand:
        await stand.deliver(event("0"))
        await until(lambda: len(stand.script.turns) >= 5)
        assert await stand.mailbox.store.letters(limit=10) == []
    await asyncio.sleep(0.5)
    async with running(tmp_path, Script(away), limits=limits) as stand:
        await stand.quiet()
        assert len(stand.script.turns) == 1, "the time was over when it started again"
        [letter] = await stand.mailbox.store.letters(limit=10)
        assert letter.reason == "Transient: away"


async def test_what_failed_once_long_ago_has_all_its_tries_yet(tmp_path: Path) -> None:
    """A service that was down for longer than the bound is just back, and so is what it calls: not yet."""
    limits = replace(LIMITS, backoff_seconds=0.001, attempts=4, transient_seconds=0)
    async with running(tmp_path, Script(failing(*[Transient("away")] * 3)), limits=limits) as stand:
        await stand.deliver(event("0"))
        await stand.quiet()
        assert await stand.state("a") == ["a-0"]


async def test_a_pause_that_the_service_bounds_itself_is_no_failure(tmp_path: Path) -> None:
    seen = []

    async def work(turn: Turn) -> Step:
        seen.append(turn.attempts)
        if len(seen) < 10:
            raise Pause("the tool settles", seconds=0.005)
        return echo(turn)

    limits = replace(LIMITS, attempts=2, transient_seconds=0, early_seconds=0)
    async with running(tmp_path, Script(work), limits=limits) as stand:
        await stand.deliver(event("0"))
        await stand.quiet()
        assert await stand.state("a") == ["a-0"]
        assert seen == [0] * 10


class TiredStore(SqliteStore):
    """A store whose keys have failed thousands of times."""

    async def lease(self, limit: int, **bounds: Any) -> list[Lease]:
        leases = await super().lease(limit, **bounds)
        return [lease._replace(attempts=lease.attempts + 5_000) for lease in leases]


async def test_thousands_of_failures_do_not_break_the_backoff(tmp_path: Path) -> None:
    limits = replace(LIMITS, backoff_seconds=1e-9)
    store = TiredStore(tmp_path / "mailbox.db")
    async with running(store, Script(failing(Transient("away"))), limits=limits) as stand:
        await stand.deliver(event("0"))
        await stand.quiet()
        assert await stand.state("a") == ["a-0"]
        assert len(stand.script.turns) == 2


@pytest.mark.parametrize("error", [Invalid("no port"), NotFound("no case"), Refused("stopped"), Conflict("id used")])
async def test_what_can_never_be_is_buried_at_once_and_told(tmp_path: Path, error: AivisError) -> None:
    told = []

    def give_up(turn: Turn, reason: str) -> Step:
        told.append((turn.events[0].id, reason))
        return Step(state=b'["given up"]', publish=(answer(event("told")),))

    incoming = event("0")
    async with running(tmp_path, Script(bad("0", error=error), give_up)) as stand:
        await stand.deliver(incoming)
        await stand.quiet()
        reason = f"{type(error).__name__}: {error}"
        assert told == [("a-0", reason)]
        assert len(stand.script.turns) == 1
        assert stand.tape.ids() == [answer(event("told")).event.id]
        assert await stand.state("a") == ["given up"]
        [dead] = stand.tape.dead()
        assert (dead.topic, dead.key, dead.value) == (DEAD_LETTER, "acme/a", body(incoming.data))
        assert header(dead, "aivis_reason") == reason
        assert header(dead, "aivis_topic") == TICKETS.name
        assert header(dead, "ce_id") == "a-0"
        [letter] = await kept(stand)
        assert (letter.event_id, letter.reason, letter.value) == ("a-0", reason, body(incoming.data))


async def test_of_several_messages_only_the_bad_ones_are_buried_and_the_others_are_done_once(tmp_path: Path) -> None:
    async with running(tmp_path, Script(bad("2", "4"))) as stand:
        await stand.deliver(*(event(str(n)) for n in range(6)))
        await stand.quiet()
        assert await stand.state("a") == ["a-0", "a-1", "a-3", "a-5"]
        assert stand.tape.ids() == [answer(event(n)).event.id for n in "0135"]
        assert [header(row, "ce_id") for row in stand.tape.dead()] == ["a-2", "a-4"]
        assert (await stand.mailbox.store.depths()).letters == 2


async def test_of_several_messages_one_that_meets_a_fault_of_ours_is_buried_alone(tmp_path: Path) -> None:
    limits = replace(LIMITS, attempts=2)
    async with running(tmp_path, Script(bad("1", error=KeyError("port"))), limits=limits) as stand:
        await stand.deliver(*(event(str(n)) for n in range(3)))
        await stand.quiet()
        assert await stand.state("a") == ["a-0", "a-2"]
        assert [header(row, "ce_id") for row in stand.tape.dead()] == ["a-1"]


async def test_a_message_that_cannot_be_read_is_buried_and_blocks_nobody(tmp_path: Path) -> None:
    good = arrival(event("1"))
    garbage = arrival(event("0"))._replace(value=b"\xff{not json")
    deep = arrival(event("2"))._replace(value=b'{"text": ' + b"[" * 10_000 + b"]" * 10_000 + b"}")
    async with running(tmp_path) as stand:
        await stand.mailbox.receive([garbage, good, deep])
        await stand.quiet()
        assert await stand.state("a") == ["a-1"]
        letters = {letter.event_id: letter for letter in await kept(stand)}
        assert set(letters) == {"a-0", "a-2"}
        assert "the body is not JSON" in letters["a-0"].reason
        assert letters["a-0"].value == garbage.value
        assert len(stand.tape.dead()) == 2
        await stand.deliver(event("3"))
        await stand.quiet()
        assert await stand.state("a") == ["a-1", "a-3"]


async def test_of_a_message_that_cannot_be_read_somebody_is_told_and_what_came_with_it_is_done(tmp_path: Path) -> None:
    told = []

    def give_up(turn: Turn, reason: str) -> Step:
        told.append((turn.events, [(head.id, head.type, head.subject) for head in turn.unread], reason))
        return Step(state=b'["told"]', publish=(answer(event("told")),))

    async def work(turn: Turn) -> Step:
        assert turn.unread == ()
        return echo(turn)

    bodies = {"1": b"{", "3": b"[]"}
    came = [arrival(event(str(n))) for n in range(5)]
    came = [each._replace(value=bodies.get(each.event_id[-1], each.value)) for each in came]
    async with running(tmp_path, Script(work, give_up)) as stand:
        await stand.mailbox.receive(came)
        await stand.quiet()
        assert [(events, heads) for events, heads, _ in told] == [
            ((), [("a-1", "aivis.ticket.message-added", "a"), ("a-3", "aivis.ticket.message-added", "a")])
        ]
        assert "the body is not JSON" in told[0][2]
        assert "field (body)" in told[0][2]
        assert await stand.state("a") == ["told", "a-0", "a-2", "a-4"]
        assert stand.tape.ids()[0] == answer(event("told")).event.id
        assert [header(row, "ce_id") for row in stand.tape.dead()] == ["a-1", "a-3"]


async def test_a_message_that_cannot_be_read_waits_for_no_other(tmp_path: Path) -> None:
    async with running(tmp_path, Script(bad("0", error=Transient("the model is away")))) as stand:
        await stand.mailbox.receive([arrival(event("0")), arrival(event("1"))._replace(value=b"{")])
        await until(lambda: len(stand.tape.dead()) == 1)
        assert (await stand.mailbox.store.depths()).inbox == 1


async def test_that_nobody_could_be_told_is_counted(tmp_path: Path) -> None:
    def untold() -> float:
        return REGISTRY.get_sample_value("aivis_mailbox_untold_total", {"service": "reasoner"}) or 0

    before = untold()
    async with running(tmp_path, Script(bad("0"), _raises)) as stand:
        await stand.mailbox.receive([arrival(event("0")), arrival(event("1", "b"))._replace(value=b"{")])
        await stand.quiet()
        assert untold() == before + 2


async def test_an_event_that_came_too_early_is_kept_until_the_one_it_builds_on(tmp_path: Path) -> None:
    async def work(turn: Turn) -> Step:
        if turn.state is None and "a-ticket" not in {each.id for each in turn.events}:
            raise NotYet("the case has no ticket yet", seconds=0.01)
        return echo(turn)

    async with running(tmp_path, Script(work), limits=replace(LIMITS, attempts=1)) as stand:
        await stand.deliver(event("0"))
        await until(lambda: len(stand.script.turns) >= 5)
        await stand.deliver(event("ticket"))
        await stand.quiet()
        assert await stand.state("a") == ["a-0", "a-ticket"]
        assert stand.tape.dead() == []


def _raises(turn: Turn, reason: str) -> Step:
    raise KeyError("nobody")


def _twice_in_the_log() -> Step:
    entry = answer(event("0")).event._replace(sequence=1)
    return Step(log=(entry, entry))


def _too_large() -> Step:
    said = ReplySent(kind=ReplyKind.ANSWER, text="x" * 300_000)
    return Step(publish=(Outgoing(REPLIES.name, event("0").answer(said, id="r", source="reasoner", time=NOW)),))


GIVING_UP: dict[str, Callable[[Turn, str], Step]] = {
    "raises": _raises,
    "says too much": lambda turn, reason: _too_large(),
    "is stopped": lambda turn, reason: Step(unless=("stop",)),
    "wants what is held": lambda turn, reason: Step(take=("stop",)),
    "logs twice": lambda turn, reason: _twice_in_the_log(),
}


@pytest.mark.parametrize("how", GIVING_UP)
async def test_a_message_is_buried_even_when_nobody_can_be_told(tmp_path: Path, how: str) -> None:
    async with running(tmp_path, Script(bad("0"), GIVING_UP[how])) as stand:
        await stand.mailbox.store.hold("acme", "stop", "operator")
        await stand.deliver(event("0"), event("1"))
        await stand.quiet()
        assert await stand.state("a") == ["a-1"]
        assert [header(row, "ce_id") for row in stand.tape.dead()] == ["a-0"]


async def test_a_step_that_the_database_can_never_take_harms_no_other_of_its_group(tmp_path: Path) -> None:
    together = asyncio.Event()

    async def work(turn: Turn) -> Step:
        await together.wait()
        step = echo(turn)
        return step._replace(log=_twice_in_the_log().log) if turn.key.name == "bad" else step

    async with running(tmp_path, Script(work)) as stand:
        await stand.deliver(*(event("0", key) for key in ("k1", "bad", "k2", "k3")))
        await until(lambda: stand.script.running == 4)
        together.set()
        await stand.quiet()
        assert [await stand.state(key) for key in ("k1", "k2", "k3")] == [["k1-0"], ["k2-0"], ["k3-0"]]
        assert await stand.state("bad") == []
        [dead] = stand.tape.dead()
        assert "UNIQUE constraint failed" in header(dead, "aivis_reason")


async def test_after_an_error_the_events_come_again_with_the_state_of_the_last_commit(tmp_path: Path) -> None:
    states = []

    async def work(turn: Turn) -> Step:
        states.append((turn.state, [each.id for each in turn.events]))
        if turn.state is None:
            await turn.commit(Step(state=b'["intent"]'))
            assert turn.state == b'["intent"]'
            raise Transient("the tool is away")
        return echo(turn)

    async with running(tmp_path, Script(work)) as stand:
        await stand.deliver(event("0"))
        await stand.quiet()
        assert states == [(None, ["a-0"]), (b'["intent"]', ["a-0"])]
        assert await stand.state("a") == ["intent", "a-0"]


async def test_the_reason_that_travels_is_short_however_long_the_error(tmp_path: Path) -> None:
    async with running(tmp_path, Script(bad("0", error=Invalid("x" * 5_000_000 + "\x00")))) as stand:
        await stand.deliver(event("0"))
        await stand.quiet()
        [dead] = stand.tape.dead()
        assert len(header(dead, "aivis_reason")) == MAX_REASON


async def test_one_bad_key_costs_the_others_no_time(tmp_path: Path) -> None:
    limits = replace(LIMITS, backoff_seconds=0.005)
    async with running(tmp_path, Script(bad("bad", error=Transient("away"))), limits=limits) as stand:
        await stand.deliver(event("bad", "bad"), *(event("0", f"k{n}") for n in range(20)))
        await until(lambda: len(first_places(stand.tape.ids())) == 20)
        assert await stand.state("bad") == []


async def test_a_key_of_another_tenant_with_the_same_name_is_another_key(tmp_path: Path) -> None:
    ours = arrival(event("0"))
    headers = tuple((name, b"globex" if name == "ce_tenant" else value) for name, value in ours.headers)
    theirs = ours._replace(key=Key("globex", "a"), headers=headers)
    async with running(tmp_path) as stand:
        await stand.mailbox.receive([ours, theirs])
        await stand.quiet()
        assert {row.key for row in stand.tape.rows} == {"acme/a", "globex/a"}


def test_the_stand_s_broker_may_lose_an_earlier_record_of_a_key() -> None:
    """Or no test of the publisher could fail."""
    refused = {"1"}
    tape = Tape(lambda row: (row.event_id not in refused, row.event_id not in refused))
    rows = [OutboxRow(n, str(n), "t", "k", (), b"") for n in range(3)]
    assert asyncio.run(tape.send(rows)) == [True, False, False]
    assert [row.event_id for row in tape.rows] == ["0", "2"]
