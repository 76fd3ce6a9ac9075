"""One suite holds every mailbox store to the port: SQLite always, PostgreSQL where AIVIS_TEST_POSTGRES names one."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from uuid import uuid4

import pytest

from aivis.errors import Invalid
from aivis.mailbox.letters import Fate, Kind, Wanted
from aivis.mailbox.ports import Store
from aivis.mailbox.stores.postgres.store import PostgresStore
from aivis.mailbox.stores.sqlite.store import SqliteStore
from aivis.mailbox.values import (
    Arrival,
    Burial,
    Deferral,
    Key,
    Lease,
    Letter,
    LogRow,
    OutboxRow,
    Receipt,
    TimerRow,
    Verdict,
    Window,
    Write,
)

POSTGRES = os.environ.get("AIVIS_TEST_POSTGRES", "")
A = Key("acme", "a")
B = Key("acme", "b")


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "postgres" and not POSTGRES:
        pytest.skip("AIVIS_TEST_POSTGRES names no server: `make test-real`")
    schema = f"test_{uuid4().hex[:12]}"
    opened: Store = (
        SqliteStore(tmp_path / "store.db") if request.param == "sqlite" else PostgresStore(POSTGRES, schema=schema)
    )
    await opened.open()
    yield opened
    if isinstance(opened, PostgresStore):
        await _drop(schema)
    await opened.close()


async def _drop(schema: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(POSTGRES)
    await connection.execute(f'drop schema "{schema}" cascade')
    await connection.close()


def arrival(id: str, key: Key = A, value: bytes = b"{}", *, reasked: bool = False) -> Arrival:
    return Arrival(id, key, "topic", (("ce_id", id.encode()), ("raw", b"\xff\xfe")), value, reasked)


def outgoing(id: str, key: str = "acme/a", topic: str = "out") -> OutboxRow:
    return OutboxRow(0, id, topic, key, (("ce_id", id.encode()),), b"{}")


async def receive(store: Store, arrivals: list[Arrival]) -> list[Receipt]:
    receipts, _ = await store.receive(arrivals)
    return receipts


async def commit(store: Store, writes: list[Write]) -> list[Verdict]:
    verdicts, _ = await store.commit(writes)
    return verdicts


async def lease_one(store: Store, key: Key = A, *, seconds: float = 30) -> Lease:
    (lease,) = [each for each in await store.lease(10, seconds=seconds, messages=100) if each.key == key]
    return lease


def write(lease: Lease, **changes: object) -> Write:
    done = tuple(message.seq for message in lease.messages)
    return Write(lease.key, lease.epoch, lease.version, done=done)._replace(**changes)  # type: ignore[arg-type]


async def test_a_message_is_received_once_and_a_changed_body_under_its_id_is_a_conflict(store: Store) -> None:
    first = await receive(store, [arrival("1"), arrival("1"), arrival("2")])
    again = await receive(store, [arrival("1"), arrival("1", value=b"other")])
    assert first == [Receipt.NEW, Receipt.DUPLICATE, Receipt.NEW]
    assert again == [Receipt.DUPLICATE, Receipt.CONFLICT]


async def test_the_same_id_of_another_tenant_is_another_message(store: Store) -> None:
    assert await receive(store, [arrival("1")]) == [Receipt.NEW]
    assert await receive(store, [arrival("1", Key("other", "a"), b"other")]) == [Receipt.NEW]


async def test_a_lease_has_the_pending_messages_in_order_with_their_bytes(store: Store) -> None:
    await receive(store, [arrival(str(n), value=b"%d" % n) for n in range(5)])
    lease = await lease_one(store)
    assert [message.event_id for message in lease.messages] == ["0", "1", "2", "3", "4"]
    assert lease.messages[3].value == b"3"
    assert dict(lease.messages[0].headers)["raw"] == b"\xff\xfe"
    assert (lease.version, lease.state, lease.attempts) == (0, None, 0)


@pytest.mark.parametrize(
    "text", ['a"b', "a\\b", "{a,b}", "null", "NULL", " a ", "a\nb", "a\x1f\u2028b", "\u5de5\u5355", "\\'"]
)
async def test_any_text_comes_back_as_it_was(store: Store, text: str) -> None:
    key = Key("acme", text)
    _, (lease,) = await store.receive([arrival(text, key)], 10, seconds=30, messages=10)
    (message,) = lease.messages
    row = outgoing(text, key=f"acme/{text}", topic=text)
    _, (claimed,) = await store.commit([write(lease, label=text, outbox=(row,), release=True)], claim_seconds=30)
    snapshot = await store.read(key)
    assert snapshot is not None
    assert (message.event_id, snapshot.label) == (text, text)
    assert claimed == row._replace(id=claimed.id)
    await store.unclaim([claimed.id])
    assert await store.claim(10, seconds=30) == [claimed]


async def test_an_empty_label_is_a_label(store: Store) -> None:
    _, (lease,) = await store.receive([arrival("1")], 10, seconds=30, messages=10)
    await commit(store, [write(lease, label="full")])
    await commit(store, [write(lease, label="")._replace(version=1)])
    snapshot = await store.read(A)
    assert snapshot is not None
    assert snapshot.label == ""


async def test_who_receives_leases_the_free_keys_with_the_messages_it_brought(store: Store) -> None:
    brought = [arrival("1"), arrival("2", B), arrival("3"), arrival("1")]
    receipts, leases = await store.receive(brought, 10, seconds=30, messages=100)
    assert receipts == [Receipt.NEW, Receipt.NEW, Receipt.NEW, Receipt.DUPLICATE]
    found = {lease.key: [message.event_id for message in lease.messages] for lease in leases}
    assert found == {A: ["1", "3"], B: ["2"]}
    assert await store.lease(10, seconds=30, messages=100) == []
    assert await commit(store, [write(lease) for lease in leases]) == [Verdict.COMMITTED] * 2
    assert (await store.depths()).inbox == 0


async def test_what_is_leased_on_receipt_is_what_would_be_read(store: Store) -> None:
    _, [lease] = await store.receive([arrival("1", value=b'{"n": 1}')], 10, seconds=0.05, messages=100)
    await commit(store, [write(lease, state=b"one", label="working", release=True)])
    _, [again] = await store.receive([arrival("2"), arrival("3")], 10, seconds=0.05, messages=100)
    await asyncio.sleep(0.1)
    read = await lease_one(store)
    assert again == read._replace(epoch=read.epoch - 1)
    assert (again.version, again.state, again.label) == (1, b"one", "working")


async def test_who_receives_leases_no_key_for_which_older_messages_wait(store: Store) -> None:
    await receive(store, [arrival("1")])
    _, leases = await store.receive([arrival("2"), arrival("3", B)], 10, seconds=30, messages=100)
    assert [lease.key for lease in leases] == [B]
    assert [message.event_id for message in (await lease_one(store)).messages] == ["1", "2"]


async def test_who_receives_leases_no_key_that_another_has_or_that_is_put_off(store: Store) -> None:
    _, [lease] = await store.receive([arrival("1")], 10, seconds=30, messages=100)
    assert (await store.receive([arrival("2")], 10, seconds=30, messages=100))[1] == []
    _, [other] = await store.receive([arrival("3", B)], 10, seconds=30, messages=100)
    await commit(store, [write(other)])
    await store.defer([Deferral(B, other.epoch, 60, "away")])
    assert (await store.receive([arrival("4", B)], 10, seconds=30, messages=100))[1] == []
    assert await commit(store, [write(lease)]) == [Verdict.COMMITTED]
    assert [message.event_id for message in (await lease_one(store)).messages] == ["2"]


async def test_who_receives_leases_no_more_keys_and_messages_than_asked(store: Store) -> None:
    brought = [arrival(f"{key}{n}", Key("acme", f"k{key}")) for n in range(3) for key in range(4)]
    _, leases = await store.receive(brought, 2, seconds=30, messages=2)
    assert [[message.event_id for message in lease.messages] for lease in leases] == [["00", "01"], ["10", "11"]]
    assert len(await store.lease(10, seconds=30, messages=100)) == 2


async def test_a_known_message_leases_nothing(store: Store) -> None:
    _, [lease] = await store.receive([arrival("1")], 10, seconds=30, messages=100)
    await commit(store, [write(lease)])
    assert await store.receive([arrival("1")], 10, seconds=30, messages=100) == ([Receipt.DUPLICATE], [])
    changed = arrival("1", value=b"other")
    assert await store.receive([changed], 10, seconds=30, messages=100) == ([Receipt.CONFLICT], [])


async def test_who_commits_claims_what_it_left_to_publish(store: Store) -> None:
    _, leases = await store.receive([arrival("1"), arrival("2", B)], 10, seconds=30, messages=100)
    first = write(leases[0], outbox=(outgoing("o1"), outgoing("o2", topic="else")))
    second = write(leases[1], outbox=(outgoing("o3", "acme/b"),))
    verdicts, claimed = await store.commit([first, second], claim_seconds=30)
    assert verdicts == [Verdict.COMMITTED] * 2
    assert await store.claim(10, seconds=30) == []
    assert [row._replace(id=0) for row in claimed] == [*first.outbox, *second.outbox]
    await store.unclaim([claimed[2].id])
    await store.mark_sent([claimed[0].id, claimed[1].id])
    assert await store.claim(10, seconds=30) == [claimed[2]]


async def test_a_claim_of_a_commit_runs_out(store: Store) -> None:
    _, [lease] = await store.receive([arrival("1")], 10, seconds=30, messages=100)
    _, claimed = await store.commit([write(lease, outbox=(outgoing("o1"),))], claim_seconds=0.05)
    await asyncio.sleep(0.1)
    assert await store.claim(10, seconds=30) == claimed


@pytest.mark.parametrize("by", ["nobody", "another commit", "a publisher"])
async def test_a_commit_claims_nothing_that_has_unsent_rows_of_its_key_before_it(store: Store, by: str) -> None:
    _, [lease] = await store.receive([arrival("1")], 10, seconds=30, messages=100)
    seconds = 30 if by == "another commit" else 0
    await store.commit([write(lease, outbox=(outgoing("o1"),))], claim_seconds=seconds)
    if by == "a publisher":
        assert len(await store.claim(10, seconds=30)) == 1
    _, [lease, other] = await store.receive([arrival("2"), arrival("3", B)], 10, seconds=30, messages=100)
    rows = write(lease, outbox=(outgoing("o2"),)), write(other, outbox=(outgoing("o3", "acme/b"),))
    _, claimed = await store.commit(rows, claim_seconds=30)
    assert [row.event_id for row in claimed] == ["o3"]
    assert [row.event_id for row in await store.claim(10, seconds=30)] == (["o1", "o2"] if by == "nobody" else [])


async def test_a_commit_claims_nothing_of_a_write_that_may_not_be(store: Store) -> None:
    _, leases = await store.receive([arrival("1"), arrival("2", B)], 10, seconds=30, messages=100)
    late = write(leases[0], epoch=leases[0].epoch - 1, outbox=(outgoing("late"),))
    good = write(leases[1], outbox=(outgoing("good", "acme/b"),))
    verdicts, claimed = await store.commit([late, good], claim_seconds=30)
    assert verdicts == [Verdict.FENCED, Verdict.COMMITTED]
    assert [row.event_id for row in claimed] == ["good"]
    again, claimed = await store.commit([late, good], claim_seconds=30)
    assert (again, claimed) == ([Verdict.FENCED, Verdict.COMMITTED], [])


async def test_a_leased_key_is_not_leased_again_until_it_is_released_or_expires(store: Store) -> None:
    await receive(store, [arrival("1")])
    first = await lease_one(store, seconds=0.2)
    assert await store.lease(10, seconds=30, messages=100) == []
    await asyncio.sleep(0.3)
    second = await lease_one(store)
    assert second.epoch > first.epoch


async def test_the_longest_waiting_keys_are_leased_first_and_no_more_than_asked(store: Store) -> None:
    await receive(store, [arrival(str(n), Key("acme", str(n))) for n in range(10)])
    leases = await store.lease(3, seconds=30, messages=100)
    assert [lease.key.name for lease in leases] == ["0", "1", "2"]


async def test_a_step_changes_state_inbox_outbox_log_and_timers_together(store: Store) -> None:
    await receive(store, [arrival("1")])
    lease = await lease_one(store)
    step = write(
        lease,
        state=b"state",
        label="working",
        outbox=(outgoing("o1"), outgoing("o2")),
        log=(LogRow(1, "l1", (), b"{}"),),
        timers=(TimerRow("wake", 0.0, "t1", (), b"{}"),),
    )
    assert await commit(store, [step]) == [Verdict.COMMITTED]
    snapshot = await store.read(A)
    assert snapshot is not None
    assert (snapshot.state, snapshot.label, snapshot.version) == (b"state", "working", 1)
    assert [row.event_id for row in await store.claim(10, seconds=30)] == ["o1", "o2"]
    assert [row.event_id for row in await store.log(A, after=0, limit=10)] == ["l1"]
    assert await store.fire_timers(10) == 1
    again = await lease_one(store)
    assert [message.event_id for message in again.messages] == ["t1"]


async def test_a_worker_whose_lease_was_taken_over_writes_nothing(store: Store) -> None:
    await receive(store, [arrival("1")])
    late = await lease_one(store, seconds=0.05)
    await asyncio.sleep(0.1)
    winner = await lease_one(store)
    assert await commit(store, [write(late, state=b"late", outbox=(outgoing("late"),))]) == [Verdict.FENCED]
    assert await commit(store, [write(winner, state=b"winner")]) == [Verdict.COMMITTED]
    snapshot = await store.read(A)
    assert snapshot is not None
    assert snapshot.state == b"winner"
    assert await store.claim(10, seconds=30) == []


async def test_a_commit_run_again_after_a_lost_reply_counts_once(store: Store) -> None:
    await receive(store, [arrival("1")])
    step = write(await lease_one(store), state=b"x", outbox=(outgoing("o1"),), log=(LogRow(1, "l1", (), b"{}"),))
    assert await commit(store, [step]) == [Verdict.COMMITTED]
    assert await commit(store, [step]) == [Verdict.COMMITTED]
    assert len(await store.claim(10, seconds=30)) == 1


async def test_a_key_whose_fence_fails_drops_out_of_its_group_and_the_others_commit(store: Store) -> None:
    await receive(store, [arrival("1", A), arrival("2", B)])
    leases = {lease.key: lease for lease in await store.lease(10, seconds=30, messages=100)}
    stale = write(leases[A], state=b"a", epoch=leases[A].epoch - 1)
    assert await commit(store, [stale, write(leases[B], state=b"b")]) == [Verdict.FENCED, Verdict.COMMITTED]
    b = await store.read(B)
    assert b is not None
    assert b.state == b"b"


async def test_a_step_on_the_way_keeps_the_lease_and_the_messages(store: Store) -> None:
    await receive(store, [arrival("1")])
    lease = await lease_one(store)
    assert await commit(store, [write(lease, state=b"intent", done=(), release=False)]) == [Verdict.COMMITTED]
    assert await store.lease(10, seconds=30, messages=100) == []
    final = write(lease, state=b"done", version=1)
    assert await commit(store, [final]) == [Verdict.COMMITTED]
    assert await store.lease(10, seconds=30, messages=100) == []


async def test_after_a_crash_on_the_way_the_same_messages_come_with_the_state_of_the_last_commit(store: Store) -> None:
    await receive(store, [arrival("1")])
    lease = await lease_one(store, seconds=0.05)
    await commit(store, [write(lease, state=b"intent", done=(), release=False)])
    await asyncio.sleep(0.1)
    again = await lease_one(store)
    assert again.state == b"intent"
    assert [message.event_id for message in again.messages] == ["1"]


async def test_renewing_keeps_a_lease_and_tells_which_are_lost(store: Store) -> None:
    await receive(store, [arrival("1", A), arrival("2", B)])
    leases = {lease.key: lease for lease in await store.lease(10, seconds=0.2, messages=100)}
    assert await store.renew([leases[A], leases[B]._replace(epoch=99)], seconds=30) == {B}
    await asyncio.sleep(0.3)
    assert [lease.key for lease in await store.lease(10, seconds=30, messages=100)] == [B]


async def test_a_released_key_is_not_renewed(store: Store) -> None:
    await receive(store, [arrival("1")])
    lease = await lease_one(store)
    await commit(store, [write(lease)])
    assert await store.renew([lease], seconds=30) == {A}


async def test_a_deferred_key_comes_back_after_its_delay_with_its_failures_counted(store: Store) -> None:
    await receive(store, [arrival("1")])
    lease = await lease_one(store)
    await store.defer([Deferral(A, lease.epoch, 0.2, "no answer")])
    assert await store.lease(10, seconds=30, messages=100) == []
    await asyncio.sleep(0.3)
    again = await lease_one(store)
    assert again.attempts == 1
    await store.defer([Deferral(A, again.epoch, 0, "interrupted", counts=False)])
    last = await lease_one(store)
    assert last.attempts == 1
    await commit(store, [write(last)])
    snapshot = await store.read(A)
    assert snapshot is not None
    assert snapshot.attempts == 0


async def test_a_name_is_held_by_one_key_until_it_lets_go(store: Store) -> None:
    await receive(store, [arrival("1", A), arrival("2", B)])
    leases = {lease.key: lease for lease in await store.lease(10, seconds=30, messages=100)}
    take = {"done": (), "release": False, "take": ("resource:i-1",)}
    assert await commit(store, [write(leases[A], **take)]) == [Verdict.COMMITTED]
    assert await commit(store, [write(leases[B], **take)]) == [Verdict.HELD]
    assert await commit(store, [write(leases[A], free=("resource:i-1",), version=1)]) == [Verdict.COMMITTED]
    assert await commit(store, [write(leases[B], **take)]) == [Verdict.COMMITTED]


async def test_of_two_keys_that_take_a_name_in_one_group_one_wins_and_the_other_takes_nothing(store: Store) -> None:
    await receive(store, [arrival("1", A), arrival("2", B)])
    leases = {lease.key: lease for lease in await store.lease(10, seconds=30, messages=100)}
    first = write(leases[A], take=("x",))
    second = write(leases[B], take=("w", "x"), outbox=(outgoing("o"),))
    assert await commit(store, [first, second]) == [Verdict.COMMITTED, Verdict.HELD]
    assert await store.holds(prefix="") == [("acme", "x", "a")]
    assert await store.claim(10, seconds=30) == []


async def test_another_tenant_may_hold_the_same_name(store: Store) -> None:
    other = Key("other", "a")
    await receive(store, [arrival("1", A), arrival("2", other)])
    leases = {lease.key: lease for lease in await store.lease(10, seconds=30, messages=100)}
    steps = [write(leases[A], take=("x",)), write(leases[other], take=("x",))]
    assert await commit(store, steps) == [Verdict.COMMITTED, Verdict.COMMITTED]


@pytest.mark.parametrize("tenant", ["acme", "*"])
async def test_a_stop_switch_is_checked_in_the_steps_own_transaction(store: Store, tenant: str) -> None:
    await receive(store, [arrival("1")])
    lease = await lease_one(store)
    await store.hold(tenant, "stop:effects", "operator")
    await store.hold(tenant, "stop:effects", "operator")
    step = write(lease, state=b"x", unless=("stop:effects",))
    assert await commit(store, [step]) == [Verdict.STOPPED]
    await store.unhold(tenant, "stop:effects", "operator")
    assert await commit(store, [step]) == [Verdict.COMMITTED]


def window(tenant: str = "acme", *, begins: float = -60, ends: float = 60, id: str = "w1") -> Window:
    """A window of the stop switch's name, from and to so many seconds from now."""
    now = datetime.now(UTC)
    start, end = now + timedelta(seconds=begins), now + timedelta(seconds=ends)
    return Window(tenant, id, "stop:effects", start, end, "the quarter is closed")


@pytest.mark.parametrize("tenant", ["acme", "*"])
async def test_a_window_keeps_a_step_out_and_is_checked_in_the_steps_own_transaction(store: Store, tenant: str) -> None:
    await receive(store, [arrival("1")])
    lease = await lease_one(store)
    await store.hold_for(window(tenant))
    step = write(lease, state=b"x", unless=("stop:effects",))
    assert await commit(store, [step]) == [Verdict.FROZEN]
    snapshot = await store.read(A)
    assert snapshot is not None
    assert (snapshot.state, snapshot.version) == (None, 0)
    assert await store.end_window(tenant, "w1")
    assert await commit(store, [step]) == [Verdict.COMMITTED]
    assert not await store.end_window(tenant, "w1")


async def test_a_window_lapses_by_itself_and_counts_only_from_its_beginning(store: Store) -> None:
    await receive(store, [arrival("1")])
    lease = await lease_one(store)
    await store.hold_for(window(begins=0.4, ends=0.8))
    step = write(lease, done=(), release=False, unless=("stop:effects",))
    assert await commit(store, [step]) == [Verdict.COMMITTED]
    await asyncio.sleep(0.5)
    assert await commit(store, [step._replace(version=1)]) == [Verdict.FROZEN]
    await asyncio.sleep(0.5)
    assert await commit(store, [step._replace(version=1)]) == [Verdict.COMMITTED]
    assert await store.windows(prefix="") == []


async def test_a_window_of_another_tenant_or_name_keeps_nobody_out(store: Store) -> None:
    await receive(store, [arrival("1")])
    await store.hold_for(window("other"))
    await store.hold_for(window(id="w2")._replace(hold="stop:tool:else"))
    assert await commit(store, [write(await lease_one(store), unless=("stop:effects",))]) == [Verdict.COMMITTED]


async def test_what_is_stopped_for_good_is_not_called_frozen(store: Store) -> None:
    await receive(store, [arrival("1")])
    await store.hold_for(window())
    await store.hold("*", "stop:tool:x", "operator")
    step = write(await lease_one(store), unless=("stop:effects", "stop:tool:x"))
    assert await commit(store, [step]) == [Verdict.STOPPED]


async def test_of_a_group_only_the_frozen_stay_out(store: Store) -> None:
    await receive(store, [arrival("1"), arrival("2", B)])
    leases = {lease.key: lease for lease in await store.lease(10, seconds=30, messages=100)}
    await store.hold_for(window())
    group = [write(leases[A], unless=("stop:effects",)), write(leases[B], take=("x",))]
    assert await commit(store, group) == [Verdict.FROZEN, Verdict.COMMITTED]


async def test_windows_are_listed_with_their_reason_and_changed_under_their_id(store: Store) -> None:
    later, now = window(id="later", begins=600, ends=900), window(id="now")._replace(begins=None)
    assert await store.hold_for(later) == later
    held = await store.hold_for(now)
    assert held is not None
    assert held.begins is not None
    assert await store.windows(prefix="stop:") == [held, later]
    moved = later._replace(ends=later.ends + timedelta(hours=1), reason="longer")
    await store.hold_for(moved)
    assert await store.windows(prefix="") == [held, moved]
    assert await store.windows(prefix="other:") == []


@pytest.mark.parametrize(("begins", "ends"), [(-60, -1), (60, 60), (60, 30)])
async def test_a_window_that_would_be_over_at_once_is_none(store: Store, begins: float, ends: float) -> None:
    assert await store.hold_for(window(begins=begins, ends=ends)) is None
    assert await store.windows(prefix="") == []


async def test_a_timer_set_again_moves_and_one_taken_back_does_not_fire(store: Store) -> None:
    await receive(store, [arrival("1", A), arrival("2", B)])
    leases = {lease.key: lease for lease in await store.lease(10, seconds=30, messages=100)}
    a = write(leases[A], done=(), release=False, timers=(TimerRow("t", 0.0, "ta", (), b"{}"),))
    b = write(leases[B], done=(), release=False, timers=(TimerRow("t", 0.0, "tb", (), b"{}"),))
    await commit(store, [a, b])
    await commit(
        store,
        [
            write(leases[A], timers=(TimerRow("t", 60.0, "ta2", (), b"{}"),), version=1),
            write(leases[B], timers=(TimerRow("t", None, "", (), b""),), version=1),
        ],
    )
    assert await store.fire_timers(10) == 0


async def test_the_outbox_keeps_order_per_key_across_publishers(store: Store) -> None:
    await receive(store, [arrival("1")])
    lease = await lease_one(store)
    await commit(store, [write(lease, outbox=tuple(outgoing(f"o{n}") for n in range(4)))])
    first = await store.claim(2, seconds=30)
    assert [row.event_id for row in first] == ["o0", "o1"]
    assert await store.claim(10, seconds=30) == [], "rows behind claimed ones of the same key wait"
    await store.mark_sent([first[0].id])
    await store.unclaim([first[1].id])
    assert [row.event_id for row in await store.claim(10, seconds=30)] == ["o1", "o2", "o3"]


async def test_another_keys_rows_do_not_wait_for_a_claimed_key(store: Store) -> None:
    await receive(store, [arrival("1", A), arrival("2", B)])
    leases = {lease.key: lease for lease in await store.lease(10, seconds=30, messages=100)}
    await commit(store, [write(leases[A], outbox=(outgoing("a1"), outgoing("a2")))])
    assert len(await store.claim(1, seconds=30)) == 1
    await commit(store, [write(leases[B], outbox=(outgoing("b1", "acme/b"),))])
    assert [row.event_id for row in await store.claim(10, seconds=30)] == ["b1"]


async def test_a_claim_that_nobody_finished_is_made_again(store: Store) -> None:
    await receive(store, [arrival("1")])
    await commit(store, [write(await lease_one(store), outbox=(outgoing("o1"),))])
    assert len(await store.claim(10, seconds=0.05)) == 1
    await asyncio.sleep(0.1)
    assert len(await store.claim(10, seconds=30)) == 1


async def test_a_done_event_that_is_asked_for_again_queues_its_outputs_again(store: Store) -> None:
    await receive(store, [arrival("1")])
    await commit(store, [write(await lease_one(store), outbox=(outgoing("o1"),))])
    await store.mark_sent([row.id for row in await store.claim(10, seconds=30)])
    assert await receive(store, [arrival("1")]) == [Receipt.DUPLICATE]
    assert await store.claim(10, seconds=30) == [], "a plain duplicate repeats nothing"
    assert await receive(store, [arrival("1", reasked=True)]) == [Receipt.DUPLICATE]
    assert [row.event_id for row in await store.claim(10, seconds=30)] == ["o1"]


async def test_asking_again_also_brings_back_what_later_steps_of_the_key_put_out(store: Store) -> None:
    await receive(store, [arrival("request")])
    await commit(store, [write(await lease_one(store), outbox=(outgoing("waits"),))])
    await receive(store, [arrival("approval")])
    await commit(store, [write(await lease_one(store), outbox=(outgoing("result"),))])
    await store.mark_sent([row.id for row in await store.claim(10, seconds=30)])
    await receive(store, [arrival("request", reasked=True)])
    assert [row.event_id for row in await store.claim(10, seconds=30)] == ["waits", "result"]


async def test_everything_sent_is_queued_again_in_its_order_for_a_broker_that_lost_it(store: Store) -> None:
    await receive(store, [arrival("1")])
    await commit(store, [write(await lease_one(store), outbox=tuple(outgoing(f"o{n}") for n in range(3)))])
    sent = await store.claim(2, seconds=30)
    await store.mark_sent([row.id for row in sent])
    assert await store.publish_again() == 2
    assert [row.event_id for row in await store.claim(10, seconds=30)] == ["o0", "o1", "o2"]


async def test_what_was_on_its_way_when_all_was_queued_again_does_not_count_as_sent(store: Store) -> None:
    await receive(store, [arrival("1")])
    await commit(store, [write(await lease_one(store), outbox=(outgoing("o1"), outgoing("o2")))])
    on_its_way = [row.id for row in await store.claim(10, seconds=30)]
    assert await store.publish_again() == 2
    await store.mark_sent(on_its_way[:1])
    await store.unclaim(on_its_way[1:])
    assert [row.event_id for row in await store.claim(10, seconds=30)] == ["o1", "o2"]


async def test_a_row_given_back_is_unsent_whoever_marked_it_meanwhile(store: Store) -> None:
    """Queued again while one publisher had it, it is with another; the first one's mark must not outlive the other."""
    await receive(store, [arrival("1")])
    await commit(store, [write(await lease_one(store), outbox=(outgoing("o1"),))])
    [late] = await store.claim(10, seconds=30)
    await store.publish_again()
    [again] = await store.claim(10, seconds=30)
    await store.mark_sent([late.id])
    await store.unclaim([again.id])
    assert [row.event_id for row in await store.claim(10, seconds=30)] == ["o1"]


async def test_nothing_is_queued_again_where_nothing_was_sent(store: Store) -> None:
    assert await store.publish_again() == 0


async def test_a_buried_message_is_listed_and_comes_back_on_retry(store: Store) -> None:
    await receive(store, [arrival("1", value=b'{"a":1}'), arrival("2")])
    lease = await lease_one(store)
    dead = Burial(lease.messages[0].seq, "cannot be")
    await commit(store, [write(lease, done=(lease.messages[1].seq,), dead=(dead,))])
    assert await store.lease(10, seconds=30, messages=100) == []
    (heading,) = await store.letters(limit=10)
    assert (heading.event_id, heading.reason, heading.size, heading.kind) == ("1", "cannot be", 7, Kind.BURIED)
    letter = await store.letter(heading.id)
    assert letter is not None
    assert (letter.event_id, letter.reason, letter.value) == ("1", "cannot be", b'{"a":1}')
    assert ((await store.depths()).letters, (await store.depths()).quarantined) == (1, 0)
    assert [each.event_id for each in await store.retry([letter.id])] == ["1"]
    assert [message.event_id for message in (await lease_one(store)).messages] == ["1"]
    assert await store.letters(limit=10) == []


async def test_a_quarantined_message_keeps_its_bytes(store: Store) -> None:
    await store.quarantine([Letter("topic", (("h", b"\xff"),), b"\x00\xff", "not JSON")])
    (heading,) = await store.letters(limit=10)
    assert (heading.size, heading.kind) == (2, Kind.QUARANTINED)
    letter = await store.letter(heading.id)
    assert letter is not None
    assert (letter.value, letter.headers, letter.event_id) == (b"\x00\xff", (("h", b"\xff"),), "")
    assert ((await store.depths()).letters, (await store.depths()).quarantined) == (1, 1)
    assert [each.value for each in await store.retry([letter.id])] == [b"\x00\xff"]


async def test_a_letter_is_found_by_its_id(store: Store) -> None:
    await store.quarantine([Letter("topic", (), b"1", "one"), Letter("topic", (), b"2", "two")])
    newest, oldest = [await store.letter(heading.id) for heading in await store.letters(limit=10)]
    assert newest is not None
    assert oldest is not None
    assert (oldest.value, newest.value) == (b"1", b"2")
    await store.retry([oldest.id])
    assert await store.letter(oldest.id) is None


async def bury(store: Store, *ids: str, key: Key = A, reason: str = "cannot be") -> None:
    await receive(store, [arrival(id, key) for id in ids])
    lease = await lease_one(store, key)
    dead = tuple(Burial(message.seq, reason) for message in lease.messages)
    await commit(store, [write(lease, done=(), dead=dead)])


async def found(store: Store, wanted: Wanted) -> list[str]:
    """The reasons of the letters that fit."""
    letters = await store.letters(wanted, limit=10)
    counts = await store.count_letters(wanted)
    for kind in Kind:
        assert counts[kind] == len([each for each in letters if each.kind is kind])
    return [letter.reason for letter in letters]


async def test_letters_are_found_by_all_that_is_asked_for_at_once(store: Store) -> None:
    await bury(store, "1", reason="Invalid: no PORT")
    await bury(store, "2", key=Key("globex", "c"), reason="KeyError: port")
    await store.quarantine(
        [Letter("other", (), b"x", "the body is 100% no JSON"), Letter("topic", (), b"x", "no_key", "acme", "a")]
    )
    everything = ["no_key", "the body is 100% no JSON", "KeyError: port", "Invalid: no PORT"]
    assert await found(store, Wanted()) == everything
    assert await found(store, Wanted(tenant="acme")) == ["no_key", "Invalid: no PORT"]
    assert await found(store, Wanted(topic="other")) == ["the body is 100% no JSON"]
    assert await found(store, Wanted(key="c")) == ["KeyError: port"]
    assert await found(store, Wanted(event="1")) == ["Invalid: no PORT"]
    assert await found(store, Wanted(kind=Kind.BURIED)) == everything[2:]
    assert await found(store, Wanted(kind=Kind.QUARANTINED)) == everything[:2]
    assert await found(store, Wanted(reason="port")) == ["KeyError: port", "Invalid: no PORT"]
    assert await found(store, Wanted(reason="PORT", tenant="acme")) == ["Invalid: no PORT"]
    assert await found(store, Wanted(reason="100%")) == ["the body is 100% no JSON"], "no pattern, but what it says"
    assert await found(store, Wanted(reason="o_k")) == ["no_key"]
    assert await found(store, Wanted(reason="o%k")) == []
    assert await found(store, Wanted(reason="'; drop table letters; --\x00")) == []


async def test_letters_are_found_by_their_age(store: Store) -> None:
    await store.quarantine([Letter("topic", (), b"x", "old")])
    await asyncio.sleep(1.1)
    await store.quarantine([Letter("topic", (), b"x", "new")])
    assert await found(store, Wanted(younger=1)) == ["new"]
    assert await found(store, Wanted(older=1)) == ["old"]
    assert await found(store, Wanted(older=1, younger=60)) == ["old"]
    assert await found(store, Wanted(younger=0)) == await found(store, Wanted(older=60)) == []
    assert await found(store, Wanted(younger=60)) == ["new", "old"]


async def test_letters_are_listed_page_by_page(store: Store) -> None:
    await store.quarantine([Letter("topic", (), b"x", str(n)) for n in range(5)])
    first = await store.letters(limit=2)
    rest = await store.letters(Wanted(before=first[-1].id), limit=10)
    assert [letter.reason for letter in (*first, *rest)] == ["4", "3", "2", "1", "0"]


async def test_a_letter_is_retried_once_however_often_it_is_asked_for(store: Store) -> None:
    await bury(store, "1", "2")
    ids = [letter.id for letter in await store.letters(limit=10)]
    both = await asyncio.gather(store.retry(ids), store.retry(ids))
    assert sorted(letter.event_id for taken in both for letter in taken) == ["1", "2"]
    lease = await lease_one(store)
    await commit(store, [write(lease)])
    assert await store.retry(ids) == []
    assert await store.lease(10, seconds=30, messages=100) == [], "what is done is not done again"


async def test_what_is_dropped_is_gone_and_its_id_stays_known(store: Store) -> None:
    await bury(store, "1")
    await store.quarantine([Letter("topic", (), b"x", "quarantined")])
    ids = [letter.id for letter in await store.letters(limit=10)]
    assert {letter.reason for letter in await store.drop([*ids, 4711])} == {"quarantined", "cannot be"}
    assert await store.letters(limit=10) == []
    assert await store.drop(ids) == []
    assert await store.retry(ids) == []
    assert await receive(store, [arrival("1")]) == [Receipt.DUPLICATE]
    assert await store.lease(10, seconds=30, messages=100) == []
    await asyncio.sleep(0.01)
    assert await store.prune(sent_seconds=0, done_seconds=0) == 1, "and goes by its age, as what is done"


async def test_the_fate_of_a_message_is_told_by_its_tenant_and_id(store: Store) -> None:
    await bury(store, "dead")
    await receive(store, [arrival("done")])
    await commit(store, [write(await lease_one(store))])
    await receive(store, [arrival("waits")])
    asked = [("acme", "waits"), ("acme", "dead"), ("globex", "dead"), ("acme", "done"), ("acme", "dead")]
    assert await store.fates(asked) == [Fate.PENDING, Fate.DEAD, None, Fate.DONE, Fate.DEAD]
    assert await store.fates([]) == []


async def test_how_long_a_key_has_been_failing_is_kept_until_its_next_step(store: Store) -> None:
    await receive(store, [arrival("1")])
    for counts in (False, True, True, False):
        lease = await lease_one(store)
        await store.defer([Deferral(A, lease.epoch, 0, "away", counts)])
        await asyncio.sleep(0.1)
    lease = await lease_one(store)
    assert lease.attempts == 2
    assert 0.25 < lease.failing < 0.4 + 2, "since the first failure that counts"
    await commit(store, [write(lease)])
    _, [lease] = await store.receive([arrival("2")], 1, seconds=30, messages=10)
    assert (lease.attempts, lease.failing) == (0, 0)


async def test_putting_a_letter_back_gives_its_key_all_its_time_again(store: Store) -> None:
    await bury(store, "1")
    await receive(store, [arrival("2")])
    lease = await lease_one(store)
    await store.defer([Deferral(A, lease.epoch, 60, "away")])
    (letter,) = await store.letters(limit=10)
    await store.retry([letter.id])
    lease = await lease_one(store)
    assert (lease.attempts, lease.failing) == (0, 0)


async def test_a_reason_with_a_nul_stops_no_burial(store: Store) -> None:
    await receive(store, [arrival("1")])
    lease = await lease_one(store)
    await store.defer([Deferral(A, lease.epoch, 0, "an error with \x00")])
    lease = await lease_one(store)
    dead = Burial(lease.messages[0].seq, "a reason with \x00")
    assert await commit(store, [write(lease, done=(), dead=(dead,))]) == [Verdict.COMMITTED]
    await store.quarantine([Letter("topic", (), b"\x00", "quarantined for \x00", "acme", "a\x00")])
    assert len(await store.letters(limit=10)) == 2


async def test_a_step_that_can_never_be_written_is_invalid_and_leaves_nothing(store: Store) -> None:
    await receive(store, [arrival("1", A), arrival("2", B)])
    leases = {lease.key: lease for lease in await store.lease(10, seconds=30, messages=100)}
    twice = (LogRow(1, "l1", (), b"{}"), LogRow(1, "l1", (), b"{}"))
    with pytest.raises(Invalid):
        await commit(store, [write(leases[A], state=b"a"), write(leases[B], log=twice)])
    a = await store.read(A)
    assert a is not None
    assert (a.version, a.state) == (0, None)
    assert await commit(store, [write(leases[A], state=b"a")]) == [Verdict.COMMITTED]


async def test_opening_what_is_open_changes_nothing(store: Store) -> None:
    await receive(store, [arrival("1")])
    await lease_one(store)
    await store.open()
    assert await store.lease(10, seconds=30, messages=100) == []


async def test_keys_are_found_by_label_and_tenant(store: Store) -> None:
    other = Key("other", "c")
    await receive(store, [arrival("1", A), arrival("2", B), arrival("3", other)])
    leases = {lease.key: lease for lease in await store.lease(10, seconds=30, messages=100)}
    await commit(
        store, [write(leases[A], label="open"), write(leases[B], label="done"), write(leases[other], label="open")]
    )
    assert {found.key for found in await store.find(tenant=None, labels=["open"], limit=10)} == {A, other}
    assert {found.key for found in await store.find(tenant="acme", labels=[], limit=10)} == {A, B}
    assert len(await store.find(tenant=None, labels=[], limit=2)) == 2


async def test_sent_and_done_rows_are_forgotten_and_unsent_ones_kept(store: Store) -> None:
    await receive(store, [arrival("1"), arrival("2", B)])
    leases = {lease.key: lease for lease in await store.lease(10, seconds=30, messages=100)}
    await commit(store, [write(leases[A], outbox=(outgoing("o1"), outgoing("o2")))])
    await store.mark_sent([(await store.claim(1, seconds=0.01))[0].id])
    await asyncio.sleep(0.05)
    assert await store.prune(sent_seconds=0.01, done_seconds=0.01) == 2
    assert [row.event_id for row in await store.claim(10, seconds=30)] == ["o2"]
    assert (await store.depths()).inbox == 1


async def test_concurrent_workers_never_share_a_key_and_lose_no_message(store: Store) -> None:
    keys = [Key("acme", str(n)) for n in range(20)]
    await receive(store, [arrival(f"{key.name}-{n}", key) for n in range(5) for key in keys])
    seen: list[str] = []

    async def work() -> None:
        while leases := await store.lease(5, seconds=30, messages=2):
            seen.extend(message.event_id for lease in leases for message in lease.messages)
            verdicts = await commit(store, [write(lease) for lease in leases])
            assert set(verdicts) == {Verdict.COMMITTED}

    await asyncio.gather(*(work() for _ in range(4)))
    await work()
    assert sorted(seen) == sorted(f"{key.name}-{n}" for n in range(5) for key in keys)


@pytest.mark.skipif(not POSTGRES, reason="AIVIS_TEST_POSTGRES names no server: `make test-real`")
async def test_postgres_shows_a_transaction_only_the_tenants_it_names() -> None:
    import asyncpg

    schema = f"test_{uuid4().hex[:12]}"
    store = PostgresStore(POSTGRES, schema=schema)
    await store.open()
    await receive(store, [arrival("1", A), arrival("2", Key("other", "a"))])
    connection = await asyncpg.connect(POSTGRES, server_settings={"search_path": schema})
    counts = {}
    for tenants in ("", "acme", "other", "acme,other", "*"):
        async with connection.transaction():
            await connection.execute("select set_config('aivis.tenants', $1, true)", tenants)
            counts[tenants] = await connection.fetchval("select count(*) from inbox")
    async with connection.transaction():
        await connection.execute("select set_config('aivis.tenants', 'acme', true)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("insert into holds (tenant, hold, holder) values ('other', 'x', 'a')")
    await connection.close()
    await store.close()
    await _drop(schema)
    assert counts == {"": 0, "acme": 1, "other": 1, "acme,other": 2, "*": 2}


async def test_sqlite_leases_by_a_clock_that_nobody_sets_and_takes_them_back_when_it_starts(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    await receive(store, [arrival("1"), arrival("2", B)])
    leases = {lease.key: lease for lease in await store.lease(10, seconds=30, messages=100)}
    await store.defer([Deferral(B, leases[B].epoch, 60, "away")])
    with sqlite3.connect(path) as connection:
        found = dict(connection.execute("select name, lease_until + not_before from keys").fetchall())
    assert found["a"] == pytest.approx(monotonic() + 30, abs=10)
    assert found["b"] == pytest.approx(monotonic() + 60, abs=10)
    await store.close()
    again = SqliteStore(path)
    await again.open()
    assert {lease.key for lease in await again.lease(10, seconds=30, messages=100)} == {A, B}
    await again.close()


async def test_the_depths_say_what_time_it_is_for_the_database(store: Store) -> None:
    assert abs((await store.depths()).at - datetime.now(UTC)) < timedelta(seconds=10)


async def test_positions_are_those_of_last_and_go_with_a_broker_that_lost_its_data(store: Store) -> None:
    await store.keep_positions({("t", 0): 5, ("t", 1): 7})
    await store.keep_positions({("t", 0): 3})
    assert await store.positions() == {("t", 0): 3, ("t", 1): 7}
    await store.publish_again()
    assert await store.positions() == {}


async def test_a_database_that_was_put_back_says_what_it_knows_last(store: Store) -> None:
    assert await store.restoration() is None
    empty = await store.mark_restored("r1")
    assert empty.since == datetime.fromtimestamp(0, UTC)
    await receive(store, [arrival("m1")])
    [lease] = await store.lease(1, seconds=30, messages=10)
    await commit(store, [Write(A, lease.epoch, 0, state=b"s", done=(lease.messages[0].seq,))])
    snapshot = await store.read(A)
    assert snapshot is not None
    marked = await store.mark_restored("r2")
    assert marked.since == snapshot.updated_at
    assert marked.at >= marked.since
    assert marked.whole is None
    await store.past_read("r2", whole=False)
    assert await store.restoration() == marked._replace(whole=False)


async def test_what_waits_comes_behind_what_was_said_later_and_was_heard_before(store: Store) -> None:
    await receive(store, [arrival("m1"), arrival("m2")])
    said = arrival("s1")._replace(topic="said:topic")
    await receive(store, [said])
    await store.queue_behind_past()
    await store.queue_behind_past()
    await receive(store, [arrival("m3")._replace(topic="heard:topic")])
    assert await receive(store, [arrival("m1")]) == [Receipt.DUPLICATE]
    [lease] = await store.lease(1, seconds=30, messages=10)
    assert [(each.event_id, each.topic) for each in lease.messages] == [
        ("s1", "said:topic"), ("m1", "heard:topic"), ("m2", "heard:topic"), ("m3", "heard:topic"),
    ]  # fmt: skip
    assert lease.messages[1].headers == arrival("m1").headers
