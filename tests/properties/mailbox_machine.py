"""A mailbox store worked upon by several workers and publishers that crash; a plain model says what must come of it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aivis import failpoints
from aivis.errors import Transient
from aivis.mailbox.letters import Fate, Kind
from aivis.mailbox.ports import Store
from aivis.mailbox.values import (
    Arrival,
    Burial,
    Deferral,
    Key,
    Lease,
    Letter,
    LogRow,
    OutboxRow,
    TimerRow,
    Verdict,
    Write,
)
from tests.properties.mailbox_model import DEAD, DONE, FREE, HELD, PENDING, Model, Put

R = TypeVar("R")
HOUR = 3600.0
KEYS = (Key("acme", "a"), Key("acme", "b"), Key("beta", "a"))
"""Names, event ids and holds are the same in both tenants: whatever crosses collides."""
_FATES = {PENDING: Fate.PENDING, DONE: Fate.DONE, DEAD: Fate.DEAD}
_STOP = "stop"
_MOST = 200
"""More than an example can leave to be done."""
keys = st.sampled_from(KEYS)
seconds = st.sampled_from([HOUR, HOUR, HOUR, -1.0])
"""How long a lease or a claim lasts; one of -1 is over at once, as that of a process that is dead or stands still."""
fault = st.sampled_from(["", "", "", "before", "after"])
"""Where a transaction breaks off: before its commit, or after it, when the answer is lost."""
limits = st.sampled_from([0, 10])
seldom = st.sampled_from([False, False, False, True])
arrivals = st.lists(
    st.builds(
        lambda key, id, value, reasked: Arrival(id, key, "topic", (("h", b"\xff"),), value, reasked),
        keys,
        st.sampled_from([str(number) for number in range(9)]),
        st.sampled_from([b"{}", b"{}", b"{}", b"[]"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


class Place(Protocol):
    """Where a store can be opened anew, and emptied."""

    one_process: bool

    def store(self) -> Store:
        """Not open yet; on the same rows as every other of this example."""

    async def abandon(self, store: Store) -> None:
        """Leave it as a process that is killed does."""

    async def empty(self) -> None:
        """Forget everything: a new example begins."""


@dataclass(frozen=True)
class Draw:
    """What a worker decides at a lease."""

    bury: bool = False
    part: bool = False
    """Only the oldest message is done."""
    release: bool = True
    publish: int = 0
    log: bool = False
    timer: float | None = None
    cancel: bool = False
    take: bool = False
    free: bool = False
    unless: bool = False


draws = st.builds(
    Draw,
    bury=seldom,
    part=seldom,
    release=st.booleans(),
    publish=st.integers(0, 2),
    log=st.booleans(),
    timer=st.sampled_from([None, 0.0, HOUR]),
    cancel=seldom,
    take=seldom,
    free=seldom,
    unless=seldom,
)


class StoreMachine(RuleBasedStateMachine):
    """Rules are what services, publishers and operators do."""

    place: Place
    runner: asyncio.Runner

    @initialize()
    def begin(self) -> None:
        self.model = Model(self.place.one_process)
        self.leases: list[Lease] = []
        """What workers believe to have; some of it is theirs no more."""
        self.claims: list[list[OutboxRow]] = []
        """What publishers are at."""
        self.broker: list[tuple[str, str]] = []
        """Keys and event ids, as they were published."""
        self.seen: dict[tuple[str, str], int] = {}
        self.count = 0
        self.run(self.place.empty())
        self.store = self.place.store()
        self.run(self.store.open())

    def run(self, call: Coroutine[Any, Any, R]) -> R:
        return self.runner.run(call)

    def number(self) -> int:
        self.count += 1
        return self.count

    def faulty(self, point: str, where: str, call: Callable[[], Coroutine[Any, Any, R]]) -> tuple[R, bool]:
        """What `call` answers, at the second try if its transaction breaks off; and whether an answer was lost."""
        if where:
            failpoints.arm(f"store.{point}.{where}", "fail")
            try:
                return self.run(call()), False
            except Transient:
                return self.run(call()), where == "after"
            finally:
                failpoints.clear()
        return self.run(call()), False

    @rule(
        arrivals=arrivals,
        limit=limits,
        lasts=seconds,
        where=fault,
    )
    def receive(self, arrivals: list[Arrival], limit: int, lasts: float, where: str) -> None:
        (receipts, leases), lost = self.faulty(
            "receive", where, lambda: self.store.receive(arrivals, limit, seconds=lasts, messages=10)
        )
        expected, free = self.model.receive(arrivals)
        if lost:
            for key in free if limit else ():
                self.model.take(key, seconds=lasts)
            expected, free = self.model.receive(arrivals)
        assert receipts == expected
        assert {lease.key for lease in leases} == (set(free) if limit else set())
        self.check_leases(leases, lasts, 10)

    @rule(limit=st.integers(1, 4), messages=st.sampled_from([1, 10]), lasts=seconds)
    def lease(self, limit: int, messages: int, lasts: float) -> None:
        leasable = self.model.leasable()
        leases = self.run(self.store.lease(limit, seconds=lasts, messages=messages))
        turns = [leasable[lease.key] for lease in leases]
        assert sorted(turns) == sorted(leasable.values())[:limit], "tenants in turn, of each the longest waiting first"
        self.check_leases(leases, lasts, messages)

    def check_leases(self, leases: Sequence[Lease], lasts: float, messages: int) -> None:
        for lease in leases:
            worked = self.model.take(lease.key, seconds=lasts)
            assert (lease.epoch, lease.version, lease.state) == (worked.epoch, worked.version, worked.state)
            assert (lease.label, lease.attempts) == (worked.label, worked.attempts)
            pending = self.model.pending(lease.key)[:messages]
            found = [self.model.inbox[lease.key.tenant, message.event_id] for message in lease.messages]
            assert [each.place for each in found] == [each.place for each in pending], "oldest first, none left out"
            assert len({message.seq for message in lease.messages}) == len(lease.messages)
            assert all(each.key == lease.key for each in found)
            assert [message.value for message in lease.messages] == [each.value for each in found]
            self.leases.append(lease)

    @precondition(lambda self: self.leases)
    @rule(which=st.integers(0, 50), lasts=seconds)
    def renew(self, which: int, lasts: float) -> None:
        lease = self.leases[which % len(self.leases)]
        lost = self.run(self.store.renew([lease], seconds=lasts))
        assert lost == (set() if self.model.renew(lease, seconds=lasts) else {lease.key})

    @rule()
    def all_leases_run_out(self) -> None:
        for key, worked in self.model.keys.items():
            if worked.lease == HELD:
                lease = Lease(key, worked.epoch, worked.version, None, "", 0, ())
                self.run(self.store.renew([lease], seconds=-1))
                self.model.renew(lease, seconds=-1)

    @precondition(lambda self: self.leases)
    @rule(
        which=st.lists(st.tuples(st.integers(0, 50), draws), min_size=1, max_size=3),
        claim=st.sampled_from([0.0, HOUR]),
        where=fault,
    )
    def commit(self, which: list[tuple[int, Draw]], claim: float, where: str) -> None:
        group: dict[Key, tuple[Lease, Write]] = {}
        for number, draw in which:
            lease = self.leases[number % len(self.leases)]
            names = not any(write.take or write.free for _, write in group.values())
            decided = draw if names else replace(draw, take=False, free=False)
            group.setdefault(lease.key, (lease, self.write(lease, decided)))
        writes = [write for _, write in group.values()]
        unsent = {row.key for row in self.model.outbox if not row.sent}
        (verdicts, claimed), lost = self.faulty("commit", where, lambda: self.store.commit(writes, claim_seconds=claim))
        added = [row for (lease, write), verdict in zip(group.values(), verdicts, strict=True)
                 for row in self.committed(lease, write, verdict)]  # fmt: skip
        ours = [row for row in added if claim and row.key not in unsent]
        for row in ours:
            row.claim = FREE if lost and self.place.one_process else HELD  # claims in memory come with the answer
        assert [row.event_id for row in claimed] == ([] if lost else [row.event_id for row in ours])
        if claimed:
            self.claims.append(claimed)

    @rule(arrivals=arrivals, limit=limits, draws=st.lists(draws, min_size=3, max_size=3), where=fault)
    def a_worker_comes_by(self, arrivals: list[Arrival], limit: int, draws: list[Draw], where: str) -> None:
        """The usual course: something comes, is leased, and is done."""
        before = len(self.leases)
        self.receive(arrivals, limit, HOUR, "")
        self.lease(3, 10, HOUR)
        if new := range(before, len(self.leases)):
            self.commit([*zip(new, draws, strict=False)], HOUR if limit else 0.0, where)

    @rule(arrivals=arrivals, draws=st.lists(draws, min_size=3, max_size=3))
    def another_worker_comes_by(self, arrivals: list[Arrival], draws: list[Draw]) -> None:
        """Rules are left out of some examples at random; the usual course is there twice, so that most have it."""
        self.a_worker_comes_by(arrivals, 10, draws, "")

    @rule(limit=st.integers(1, 4), where=fault)
    def a_publisher_comes_by(self, limit: int, where: str) -> None:
        before = len(self.claims)
        self.claim(limit, HOUR)
        if len(self.claims) > before:
            self.send(before, where, failing=False)

    def committed(self, lease: Lease, write: Write, verdict: Verdict) -> list[Put]:
        """The rows that it put into the outbox."""
        before = self.model.keys[lease.key].version
        assert verdict is self.model.commit(write), (lease, write)
        if verdict is not Verdict.COMMITTED:
            return []
        self.leases.remove(lease)
        if self.model.keys[lease.key].version == before:
            return []  # it was committed under the same fence before
        ids = {message.seq: message.event_id for message in lease.messages}
        self.model.over(lease.key, [ids[seq] for seq in write.done], DONE)
        self.model.over(lease.key, [ids[burial.seq] for burial in write.dead], DEAD)
        over = {*write.done, *[burial.seq for burial in write.dead]}
        if not write.release:
            left = tuple(message for message in lease.messages if message.seq not in over)
            worked = self.model.keys[lease.key]
            self.leases.append(
                lease._replace(version=worked.version, state=worked.state, label=worked.label, messages=left)
            )
        return self.model.put(write.outbox, lease.key, write.version + 1)

    def write(self, lease: Lease, draw: Draw) -> Write:
        tenant, name = lease.key
        over = tuple(message.seq for message in lease.messages)[: 1 if draw.part else None]
        ids = [str(self.number()) for _ in range(draw.publish)]
        timers = () if draw.timer is None else (TimerRow("t", draw.timer, f"due-{self.number()}", (), b"{}"),)
        sequence = len(self.model.log.get(lease.key, ())) + 1
        return Write(
            lease.key,
            lease.epoch,
            lease.version,
            state=b"%d" % self.number(),
            label=f"label-{self.count % 3}",
            done=() if draw.bury else over,
            dead=tuple(Burial(seq, "bad") for seq in over) if draw.bury else (),
            outbox=tuple(OutboxRow(0, id, "out", f"{tenant}/{name}", (), b"{}") for id in ids),
            log=(LogRow(sequence, f"log-{self.number()}", (), b"{}"),) if draw.log else (),
            timers=(TimerRow("t", None, "", (), b""),) if draw.cancel else timers,
            take=("thing",) if draw.take else (),
            free=("thing",) if draw.free and not draw.take else (),
            unless=(_STOP,) if draw.unless else (),
            release=draw.release,
        )

    @precondition(lambda self: self.leases)
    @rule(which=st.integers(0, 50), delay=st.sampled_from([0.0, 0.0, HOUR]), counts=st.booleans())
    def defer(self, which: int, delay: float, counts: bool) -> None:
        lease = self.leases.pop(which % len(self.leases))
        self.run(self.store.defer([Deferral(lease.key, lease.epoch, delay, "no", counts)]))
        self.model.defer(lease.key, lease.epoch, later=delay > 0, counts=counts)

    @rule(where=fault)
    def fire_timers(self, where: str) -> None:
        fired, lost = self.faulty("fire_timers", where, lambda: self.store.fire_timers(100))
        expected = self.model.fire()
        assert fired == (0 if lost else expected)

    @rule(limit=st.integers(1, 4), lasts=seconds)
    def claim(self, limit: int, lasts: float) -> None:
        expected = self.model.claimable(limit)
        found = self.run(self.store.claim(limit, seconds=lasts))
        assert [row.event_id for row in found] == [row.event_id for row in expected]
        self.model.claimed(expected, seconds=lasts)
        if lasts > 0 and found:
            self.claims.append(found)
        else:
            self.publish(found)  # late, and never marked

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 50), where=fault, failing=st.booleans())
    def send(self, which: int, where: str, failing: bool) -> None:
        rows = self.claims.pop(which % len(self.claims))
        if failing:  # the broker refuses the first key's
            bad = [row for row in rows if row.key == rows[0].key]
            self.run(self.store.unclaim([row.id for row in bad]))
            self.model.unclaim(row.event_id for row in bad)
            rows = [row for row in rows if row not in bad]
        self.publish(rows)
        self.faulty("mark_sent", where, lambda: self.store.mark_sent([row.id for row in rows]))
        if not (self.place.one_process and where == "before"):
            self.model.mark_sent(row.event_id for row in rows)
        else:  # its claims are in memory, and were let go with the first try: they go out once more
            self.model.unclaim(row.event_id for row in rows if self.is_claimed(row))

    def is_claimed(self, row: OutboxRow) -> bool:
        return any(each.event_id == row.event_id and each.claim != FREE for each in self.model.outbox)

    def publish(self, rows: Sequence[OutboxRow]) -> None:
        self.broker += [(row.key, row.event_id) for row in rows]

    @rule()
    def the_broker_loses_all(self) -> None:
        least = self.model.publish_again()
        assert self.run(self.store.publish_again()) >= least

    @rule(tenant=st.sampled_from(["acme", "beta", "*"]), stop=st.booleans())
    def stop(self, tenant: str, stop: bool) -> None:
        if stop:
            self.run(self.store.hold(tenant, _STOP, "operator"))
            self.model.holds[tenant, _STOP] = "operator"
        else:
            self.run(self.store.unhold(tenant, _STOP, "operator"))
            self.model.holds.pop((tenant, _STOP), None)

    @rule()
    def quarantine(self) -> None:
        self.run(self.store.quarantine([Letter("topic", (("h", b"\xff"),), b"\x00", "no JSON")]))
        self.model.quarantined += 1

    @precondition(lambda self: self.model.letters)
    @rule(which=st.integers(0, 50), put_back=st.booleans(), where=fault)
    def see_to_a_letter(self, which: int, put_back: bool, where: str) -> None:
        buried = [each for each in self.run(self.store.letters(limit=100)) if each.kind is Kind.BURIED]
        letter = buried[which % len(buried)]
        if put_back:
            taken, lost = self.faulty("retry", where, lambda: self.store.retry([letter.id]))
            self.model.retry(letter.tenant, letter.event_id)
            assert [each.event_id for each in taken] == ([] if lost else [letter.event_id])
        else:
            dropped, lost = self.faulty("drop", where, lambda: self.store.drop([letter.id]))
            self.model.drop(letter.tenant, letter.event_id)
            assert len(dropped) == (0 if lost else 1)

    @rule()
    def prune(self) -> None:
        assert self.run(self.store.prune(sent_seconds=-1, done_seconds=-1)) == self.model.prune()

    @rule()
    def crash(self) -> None:
        """The process dies: what it believes is gone, and another opens the same rows."""
        self.run(self.place.abandon(self.store))
        self.leases, self.claims = [], []
        self.model.crash()
        self.store = self.place.store()
        self.run(self.store.open())

    @invariant()
    def what_waits_is_all_there(self) -> None:
        depths = self.run(self.store.depths())
        assert depths.inbox == sum(each.fate == PENDING for each in self.model.inbox.values())
        assert depths.outbox == sum(not row.sent for row in self.model.outbox)
        assert depths.letters == sum(self.model.letters.values()) + self.model.quarantined

    @invariant()
    def keys_stand_as_their_last_step_left_them(self) -> None:
        for key, worked in self.model.keys.items():
            found = self.run(self.store.read(key))
            assert found is not None
            assert (found.version, found.state, found.label) == (worked.version, worked.state, worked.label)

    def teardown(self) -> None:
        failpoints.clear()
        if hasattr(self, "store"):
            try:
                self.rest()
            finally:
                self.run(self.store.close())

    def rest(self) -> None:
        """Everything that waits is done in order, and everything is published; then all must be there, once."""
        self.the_fates_are_right()
        self.all_leases_run_out()
        for key, worked in self.model.keys.items():
            self.run(self.store.defer([Deferral(key, worked.epoch, 0, "", counts=False)]))
            self.model.defer(key, worked.epoch, later=False, counts=False)
        for _ in range(_MOST):
            if not (leases := self.run(self.store.lease(10, seconds=HOUR, messages=1))):
                break
            self.check_leases(leases, HOUR, 1)
            for lease in leases:
                write = self.write(lease, Draw())
                verdicts, _ = self.run(self.store.commit([write]))
                self.committed(lease, write, verdicts[0])
        assert not any(self.model.pending(key) for key in KEYS)
        self.the_broker_loses_all()
        self.broker.clear()
        for _ in range(_MOST):
            rows = self.run(self.store.claim(3, seconds=HOUR))
            self.publish(rows)
            self.run(self.store.mark_sent([row.id for row in rows]))
        for name in {row.key for row in self.model.outbox}:
            put = [row.event_id for row in self.model.outbox if row.key == name]
            assert [id for key, id in self.broker if key == name] == put, "everything, in order, once more"
        self.logs_and_holds_are_right()

    def the_fates_are_right(self) -> None:
        ids = [*self.model.inbox]
        expected = [_FATES[self.model.inbox[id].fate] for id in ids]
        assert self.run(self.store.fates(ids)) == expected

    def logs_and_holds_are_right(self) -> None:
        for key in KEYS:
            rows = self.run(self.store.log(key, after=0, limit=1000))
            assert [row.event_id for row in rows] == self.model.log.get(key, [])
        held = {(tenant, name): holder for tenant, name, holder in self.run(self.store.holds(prefix=""))}
        assert held == self.model.holds
        for tenant in ("acme", "beta"):
            found = self.run(self.store.find(tenant=tenant, labels=[], limit=100))
            assert {snapshot.key for snapshot in found} == {key for key in self.model.keys if key.tenant == tenant}
