"""The commit of a group of steps on PostgreSQL: each under its own fence, all in one transaction, in few statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import itemgetter
from typing import Any

from aivis.mailbox.stores import rows
from aivis.mailbox.stores.postgres.arrays import array, blob
from aivis.mailbox.values import Key, OutboxRow, Verdict, Write

Connection = Any
"""asyncpg's; it has no types of its own."""


async def commit_group(
    connection: Connection, writes: Sequence[Write], *, claim_seconds: float
) -> tuple[list[Verdict], list[OutboxRow]]:
    """Commit each write that still may be; a write that may not leaves nothing behind.

    Also says which rows of the outbox were claimed, for `claim_seconds` unless that is 0.
    """
    claimed: list[OutboxRow] = []
    verdicts: list[Verdict | None] = [None] * len(writes)
    if any(write.take or write.unless for write in writes):
        verdicts = await _fences(connection, writes)
        await _holds(connection, writes, verdicts)
    open_ = [n for n, verdict in enumerate(verdicts) if verdict is None]
    changed = await _states(connection, [writes[n] for n in open_]) if open_ else []
    if len(changed) < len(open_):
        late = await _fences(connection, writes)
        for n in {*open_} - {open_[place] for place in changed}:
            verdicts[n] = late[n] or Verdict.FENCED
    winners = [writes[open_[place]] for place in sorted(changed)]
    if winners:
        await _inbox(connection, winners)
        claimed = await _outbox(connection, winners, claim_seconds)
        await _log(connection, winners)
        await _rest(connection, winners)
    return [verdict or Verdict.COMMITTED for verdict in verdicts], claimed


async def _fences(connection: Connection, writes: Sequence[Write]) -> list[Verdict | None]:
    """Lock the keys, in one order for all, and compare; None where the write may go on."""
    found = await connection.fetch(
        "select k.tenant, k.name, k.epoch, k.version from keys k"
        " join unnest($1::text[], $2::text[]) as w(tenant, name) using (tenant, name)"
        " order by k.tenant, k.name for update of k",
        [write.key.tenant for write in writes],
        [write.key.name for write in writes],
    )
    now = {Key(row[0], row[1]): (row[2], row[3]) for row in found}
    return [_fence(now.get(write.key), write) for write in writes]


def _fence(now: tuple[int, int] | None, write: Write) -> Verdict | None:
    if now == (write.epoch, write.version):
        return None
    return Verdict.COMMITTED if now == (write.epoch, write.version + 1) else Verdict.FENCED


@dataclass(frozen=True)
class _Hold:
    write: int
    tenant: str
    hold: str
    holder: str


async def _holds(connection: Connection, writes: Sequence[Write], verdicts: list[Verdict | None]) -> None:
    """Check the names that must be free, take those to be held; writes that may not get their verdict."""
    open_ = [(n, write) for n, write in enumerate(writes) if verdicts[n] is None]
    unless = [_Hold(n, write.key.tenant, hold, write.key.name) for n, write in open_ for hold in write.unless]
    barred = await connection.fetch(
        _BARRED,
        [each.write for each in unless],
        [each.tenant for each in unless],
        [each.hold for each in unless],
    )
    for n, stopped in barred:
        verdicts[n] = Verdict.STOPPED if stopped else Verdict.FROZEN
    take = [
        _Hold(n, write.key.tenant, hold, write.key.name)
        for n, write in open_
        if verdicts[n] is None
        for hold in write.take
    ]
    if take:
        await _take(connection, sorted(take, key=lambda each: (each.tenant, each.hold)), verdicts)


_BARRED = """
select n, bool_or(stopped) from (
  select n, exists (select 1 from holds h where h.hold = u.hold and h.tenant in (u.tenant, '*')) as stopped,
    exists (select 1 from windows w where w.hold = u.hold and w.tenant in (u.tenant, '*')
            and w.begins <= now() and w.ends > now()) as frozen
  from unnest($1::int[], $2::text[], $3::text[]) as u(n, tenant, hold)
) b where stopped or frozen group by n
"""


async def _take(connection: Connection, take: list[_Hold], verdicts: list[Verdict | None]) -> None:
    columns = [[e.tenant for e in take], [e.hold for e in take], [e.holder for e in take]]
    taken = await connection.fetch(
        "insert into holds (tenant, hold, holder) select * from unnest($1::text[], $2::text[], $3::text[])"
        " on conflict do nothing returning tenant, hold, holder",
        *columns,
    )
    others = await connection.fetch(
        "select u.n from unnest($1::text[], $2::text[], $3::text[], $4::int[]) as u(tenant, hold, holder, n)"
        " join holds h using (tenant, hold) where h.holder <> u.holder",
        *columns,
        [each.write for each in take],
    )
    for (n,) in others:
        verdicts[n] = Verdict.HELD
    losers = {(each.tenant, each.holder) for each in take if verdicts[each.write] is Verdict.HELD}
    await _free(connection, [(row[0], row[1], row[2]) for row in taken if (row[0], row[2]) in losers])


async def _free(connection: Connection, holds: list[tuple[str, str, str]]) -> None:
    if holds:
        await connection.execute(
            "delete from holds h using unnest($1::text[], $2::text[], $3::text[]) as u(tenant, hold, holder)"
            " where h.tenant = u.tenant and h.hold = u.hold and h.holder = u.holder",
            *map(list, zip(*holds, strict=True)),
        )


async def _states(connection: Connection, writes: Sequence[Write]) -> list[int]:
    """Change the keys whose fence fits, locking them in one order for all; the places of their writes."""
    changed = await connection.fetch(
        _CHANGE,
        array([write.key.tenant for write in writes]),
        array([write.key.name for write in writes]),
        array([write.epoch for write in writes]),
        array([write.version for write in writes]),
        [write.state for write in writes],
        array([write.label for write in writes]),
        array([write.release for write in writes]),
    )
    return [place for (place,) in changed]


_CHANGE = """
with w as (
  select * from unnest(
    $1::text::text[], $2::text::text[], $3::text::bigint[], $4::text::bigint[],
    $5::bytea[], $6::text::text[], $7::text::bool[]
  ) with ordinality as w(tenant, name, epoch, version, state, label, release, n)
), locked as (
  select k.tenant, k.name from keys k join w using (tenant, name) order by 1, 2 for update of k
)
update keys k set version = k.version + 1, state = coalesce(w.state, k.state), label = coalesce(w.label, k.label),
  attempts = 0, failing_since = null, error = '', updated_at = now(),
  lease_until = case when w.release then '-infinity' else k.lease_until end
from locked join w using (tenant, name)
where k.tenant = w.tenant and k.name = w.name and k.epoch = w.epoch and k.version = w.version
returning w.n - 1
"""


async def _inbox(connection: Connection, writes: Sequence[Write]) -> None:
    done = [(seq, write.version + 1) for write in writes for seq in write.done]
    dead = [(burial.seq, write.version + 1) for write in writes for burial in write.dead]
    for state, ended in ((1, done), (2, dead)):
        if ended:
            await connection.execute(
                "update inbox i set state = $3, version = d.version"
                " from unnest($1::text::bigint[], $2::text::bigint[]) as d(seq, version) where i.seq = d.seq",
                *map(array, zip(*ended, strict=True)),
                state,
            )
    burials = [(burial.seq, rows.text(burial.reason)) for write in writes for burial in write.dead]
    if burials:
        await connection.execute(
            "insert into letters (tenant, name, event_id, topic, headers, value, reason)"
            " select i.tenant, i.name, i.event_id, i.topic, i.headers, i.value, b.reason"
            " from unnest($1::bigint[], $2::text[]) as b(seq, reason) join inbox i using (seq)",
            *map(list, zip(*burials, strict=True)),
        )


async def _outbox(connection: Connection, writes: Sequence[Write], claim_seconds: float) -> list[OutboxRow]:
    """Insert; the rows that were claimed, with their ids. None is whose key has unsent rows from before."""
    outgoing = [(write, row) for write in writes for row in write.outbox]
    if not outgoing:
        return []
    claim = timedelta(seconds=claim_seconds) if claim_seconds else None
    placed = await connection.fetch(
        _INTO_OUTBOX,
        array([write.key.tenant for write, _ in outgoing]),
        array([write.key.name for write, _ in outgoing]),
        array([write.version + 1 for write, _ in outgoing]),
        array([row.event_id for _, row in outgoing]),
        array([row.topic for _, row in outgoing]),
        array([row.key for _, row in outgoing]),
        *blob((row.headers, row.value) for _, row in outgoing),
        claim,
    )
    placed.sort(key=itemgetter(0))
    return [OutboxRow(id, *row[1:]) for (id, claimed), (_, row) in zip(placed, outgoing, strict=True) if claimed]


_INTO_OUTBOX = """
insert into outbox (tenant, name, version, event_id, topic, key, headers, value, claimed_until)
select tenant, name, version, event_id, topic, key,
  substring($10::bytea, start, head), substring($10, start + head, length), case
  when exists (select 1 from outbox e where e.key = o.key and e.sent_at is null) then '-infinity'
  else coalesce(now() + $11::interval, '-infinity') end
from unnest(
  $1::text::text[], $2::text::text[], $3::text::bigint[], $4::text::text[], $5::text::text[], $6::text::text[],
  $7::text::int[], $8::text::int[], $9::text::int[]
) with ordinality as o(tenant, name, version, event_id, topic, key, start, head, length, n) order by n
returning id, claimed_until > '-infinity'
"""


async def _log(connection: Connection, writes: Sequence[Write]) -> None:
    log = [
        (*write.key, row.sequence, row.event_id, rows.pack(row.headers), row.value)
        for write in writes
        for row in write.log
    ]
    if log:
        await connection.execute(
            "insert into log (tenant, name, sequence, event_id, headers, value) select * from"
            " unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bytea[], $6::bytea[])",
            *map(list, zip(*log, strict=True)),
        )


async def _rest(connection: Connection, writes: Sequence[Write]) -> None:
    """Timers, and names to let go."""
    timers = {(*write.key, timer.name): timer for write in writes for timer in write.timers}
    gone = [name for name, timer in timers.items() if timer.after is None]
    if gone:
        await connection.execute(
            "delete from timers t using unnest($1::text[], $2::text[], $3::text[]) as u(tenant, name, timer)"
            " where t.tenant = u.tenant and t.name = u.name and t.timer = u.timer",
            *map(list, zip(*gone, strict=True)),
        )
    kept = [
        (*name, timer.after, timer.event_id, rows.pack(timer.headers), timer.value)
        for name, timer in timers.items()
        if timer.after is not None
    ]
    if kept:
        await connection.execute(
            "insert into timers"
            " select tenant, name, timer, now() + make_interval(secs => after), event_id, headers, value"
            " from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::bytea[], $7::bytea[])"
            " as u(tenant, name, timer, after, event_id, headers, value)"
            " on conflict (tenant, name, timer) do update set due = excluded.due, event_id = excluded.event_id,"
            " headers = excluded.headers, value = excluded.value",
            *map(list, zip(*kept, strict=True)),
        )
    await _free(connection, [(write.key.tenant, hold, write.key.name) for write in writes for hold in write.free])
