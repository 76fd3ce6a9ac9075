"""Leases: who lost one writes nothing; who holds one keeps it; who goes gives it back."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aivis.errors import Transient
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.stores.sqlite.store import SqliteStore
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Arrival, Key, Lease, OutboxRow, Receipt, Step, Verdict, Write
from tests.integration.aivis.mailbox.stand import (
    LIMITS,
    NOW,
    SERVICE,
    Script,
    Tape,
    arrival,
    echo,
    event,
    running,
    stopped,
    until,
)

SHORT = replace(LIMITS, lease_seconds=0.2)
ONCE = replace(SHORT, poll_seconds=30)
"""Looks for work only when some comes: so that it does not take over from itself."""


class DeafStore(SqliteStore):
    """A store whose process cannot renew: it was stopped, or its network is gone."""

    async def renew(self, leases: Sequence[Lease], *, seconds: float) -> set[Key]:
        raise Transient("no answer")


class DeafToLeasing(SqliteStore):
    """A store that leases on receipt only."""

    async def lease(self, limit: int, **bounds: Any) -> list[Lease]:
        return []


class LateStore(SqliteStore):
    """A store whose first commit is done long before its reply is there."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.committed = asyncio.Event()
        self.reply = asyncio.Event()

    async def commit(
        self, writes: Sequence[Write], *, claim_seconds: float = 0
    ) -> tuple[list[Verdict], list[OutboxRow]]:
        committed = await super().commit(writes, claim_seconds=claim_seconds)
        if not self.committed.is_set():
            self.committed.set()
            await self.reply.wait()
        return committed


async def test_who_lost_the_lease_writes_nothing(tmp_path: Path) -> None:
    """One stops in the middle of its turn; another takes over; the first goes on and changes nothing."""
    go_on = asyncio.Event()
    ended: list[str] = []

    async def stuck(turn: Turn) -> Step:
        await go_on.wait()
        ended.append("handler")
        return echo(turn)

    other = SqliteStore(tmp_path / "mailbox.db")
    await other.open()
    async with running(DeafStore(tmp_path / "mailbox.db"), Script(stuck), limits=ONCE) as first:
        await first.deliver(event("0"))
        await until(lambda: first.script.running == 1)
        async with running(other, Script()) as second:
            await until(lambda: len(second.tape.rows) == 1)
            go_on.set()
            await until(lambda: bool(ended))
            await second.deliver(event("1"))
            await second.quiet()
            assert await second.state("a") == ["a-0", "a-1"]
            assert len(second.tape.rows) + len(first.tape.rows) == 2


async def test_a_commit_on_the_way_tells_who_lost_the_lease_at_once(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    effects: list[str] = []

    async def effect(turn: Turn) -> Step:
        await go_on.wait()
        await turn.commit(Step(state=b'["intent"]'))
        effects.append("done twice")
        return echo(turn)

    other = SqliteStore(tmp_path / "mailbox.db")
    await other.open()
    async with running(DeafStore(tmp_path / "mailbox.db"), Script(effect), limits=ONCE) as first:
        await first.deliver(event("0"))
        await until(lambda: first.script.running == 1)
        async with running(other, Script()) as second:
            await until(lambda: len(second.tape.rows) == 1)
            go_on.set()
            await until(lambda: first.script.running == 0)
            assert effects == []


async def test_a_lease_is_kept_as_long_as_its_turn_lasts(tmp_path: Path) -> None:
    async def slow(turn: Turn) -> Step:
        await asyncio.sleep(0.7)
        return echo(turn)

    other = SqliteStore(tmp_path / "mailbox.db")
    await other.open()
    async with running(tmp_path, Script(slow), limits=SHORT) as first:
        await first.deliver(event("0"))
        await until(lambda: first.script.running == 1)
        async with running(other, Script()) as second:
            await second.quiet()
            assert second.script.turns == []
            assert first.script.turns == [("a-0",)]


async def test_a_turn_whose_lease_is_lost_is_cancelled(tmp_path: Path) -> None:
    cancelled = asyncio.Event()

    async def endless(turn: Turn) -> Step:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return Step()

    async with running(tmp_path, Script(endless), limits=ONCE) as stand:
        await stand.deliver(event("0"))
        await until(lambda: stand.script.running == 1)
        snatched = SqliteStore(tmp_path / "mailbox.db")
        await snatched.open()  # as after a crash: leases of the file are let go
        await snatched.lease(1, seconds=60, messages=1)
        async with asyncio.timeout(5):
            await cancelled.wait()
        await snatched.close()


async def test_a_key_leased_anew_before_the_reply_of_its_commit_keeps_its_lease(tmp_path: Path) -> None:
    store = LateStore(tmp_path / "mailbox.db")

    async def work(turn: Turn) -> Step:
        if turn.events[0].id == "a-1":
            await asyncio.sleep(0.8)
        return echo(turn)

    async with running(store, Script(work), limits=SHORT) as stand:
        await stand.deliver(event("0"))
        await store.committed.wait()
        await stand.deliver(event("1"))
        await until(lambda: len(stand.script.turns) == 2)
        store.reply.set()
        await stand.quiet()
        assert stand.script.turns == [("a-0",), ("a-1",)], "the second turn's lease did not run out"
        assert await stand.state("a") == ["a-0", "a-1"]


async def test_stopping_ends_the_turns_under_way_and_publishes_them(tmp_path: Path) -> None:
    async def slow(turn: Turn) -> Step:
        await asyncio.sleep(0.2)
        return echo(turn)

    store, tape, script = SqliteStore(tmp_path / "mailbox.db"), Tape(), Script(slow)
    await store.open()
    mailbox = Mailbox(SERVICE, store, script, limits=LIMITS, now=lambda: NOW)
    task = asyncio.create_task(mailbox.run(tape))
    await mailbox.receive([arrival(event("0", f"k{n}")) for n in range(30)])
    await until(lambda: script.running == 30)
    await stopped(task)
    assert len(tape.rows) == 30
    depths = await store.depths()
    assert (depths.inbox, depths.outbox) == (0, 0)
    await store.close()


class LeasingStore(SqliteStore):
    """A store whose leases are taken a while before its reply is there."""

    leased: asyncio.Event

    async def receive(
        self, arrivals: Sequence[Arrival], limit: int = 0, **bounds: Any
    ) -> tuple[list[Receipt], list[Lease]]:
        receipts, leases = await super().receive(arrivals, limit, **bounds)
        if leases:
            self.leased.set()
            await asyncio.sleep(0.1)
        return receipts, leases

    async def lease(self, limit: int, **bounds: Any) -> list[Lease]:
        leases = await super().lease(limit, **bounds)
        if leases:
            self.leased.set()
            await asyncio.sleep(0.1)
        return leases


async def test_stopping_gives_back_at_once_what_is_leased_in_this_moment(tmp_path: Path) -> None:
    store, script = LeasingStore(tmp_path / "mailbox.db"), Script()
    store.leased = asyncio.Event()
    await store.open()
    mailbox = Mailbox(SERVICE, store, script, limits=LIMITS, now=lambda: NOW)
    await mailbox.receive([arrival(event("0", f"k{n}")) for n in range(20)])
    task = asyncio.create_task(mailbox.run(Tape()))
    await store.leased.wait()
    await stopped(task)
    assert script.turns == []
    assert len(await store.lease(100, seconds=1, messages=10)) == 20
    await store.close()


@pytest.mark.parametrize("cut_off", [True, False])
async def test_stopping_gives_back_what_is_leased_on_receipt_in_this_moment(tmp_path: Path, cut_off: bool) -> None:
    store, script = LeasingStore(tmp_path / "mailbox.db"), Script()
    store.leased = asyncio.Event()
    await store.open()
    mailbox = Mailbox(SERVICE, store, script, limits=LIMITS, now=lambda: NOW)
    running_ = asyncio.create_task(mailbox.run(Tape()))
    await asyncio.sleep(0.05)
    receiving = asyncio.create_task(mailbox.receive([arrival(event("0", f"k{n}")) for n in range(20)]))
    await store.leased.wait()
    if cut_off:
        receiving.cancel()
    await stopped(running_)
    await asyncio.wait([receiving])
    assert script.turns == []
    assert len(await store.lease(100, seconds=1, messages=10)) == 20
    await store.close()


async def test_a_message_is_worked_on_without_being_read_again(tmp_path: Path) -> None:
    store = DeafToLeasing(tmp_path / "mailbox.db")
    async with running(store) as stand:
        await asyncio.sleep(0.05)
        await stand.deliver(event("0"))
        await stand.quiet()
        assert await stand.state("a") == ["a-0"]


class SlowStore(SqliteStore):
    """A store that takes its time to lease what waits."""

    async def lease(self, limit: int, **bounds: Any) -> list[Lease]:
        await asyncio.sleep(0.2)
        return await super().lease(limit, **bounds)


async def test_who_comes_later_does_not_overtake_who_waits(tmp_path: Path) -> None:
    store = SlowStore(tmp_path / "mailbox.db")
    await store.open()
    await store.receive([arrival(event("0", "waits"))])
    async with running(store) as stand:
        await asyncio.sleep(0.05)
        await stand.deliver(event("1", "comes"))
        await stand.quiet()
        assert stand.script.turns == [("waits-0",), ("comes-1",)]


async def test_a_turn_that_does_not_end_is_cancelled_and_its_key_is_free(tmp_path: Path) -> None:
    async def endless(turn: Turn) -> Step:
        await asyncio.sleep(60)
        return Step()

    store, script = SqliteStore(tmp_path / "mailbox.db"), Script(endless)
    await store.open()
    limits = replace(LIMITS, drain_seconds=0.1)
    mailbox = Mailbox(SERVICE, store, script, limits=limits, now=lambda: NOW)
    task = asyncio.create_task(mailbox.run(Tape()))
    await mailbox.receive([arrival(event("0"))])
    await until(lambda: script.running == 1)
    await stopped(task)
    [lease] = await store.lease(10, seconds=1, messages=10)
    assert (lease.attempts, [message.event_id for message in lease.messages]) == (0, ["a-0"])
    await store.close()


async def test_a_process_that_crashed_leaves_nothing_that_its_successor_waits_for(tmp_path: Path) -> None:
    """The file is one process's: what is leased and claimed when it opens was the last one's."""
    crashed = SqliteStore(tmp_path / "mailbox.db")
    await crashed.open()
    await crashed.receive([arrival(event("0")), arrival(event("0", "b"))])
    leases = {lease.key.name: lease for lease in await crashed.lease(2, seconds=3_600, messages=10)}
    await crashed.commit([_answered(leases["b"])])
    assert len(await crashed.claim(10, seconds=3_600)) == 1
    await crashed.close()
    async with running(tmp_path) as stand:
        async with asyncio.timeout(5):
            await stand.quiet()
        assert await stand.state("a") == ["a-0"]
        assert len(stand.tape.rows) == 2


def _answered(lease: Lease) -> Write:
    from aivis.mailbox import encoding

    turn = Turn(lease.key, None, "", lease.version, 0, (event("0", "b"),), lambda: NOW, _never)
    done = tuple(message.seq for message in lease.messages)
    return encoding.write(turn, lease.epoch, echo(turn), service=SERVICE)._replace(done=done, release=True)


async def _never(turn: Turn, step: Step) -> None:
    raise AssertionError("not asked")
