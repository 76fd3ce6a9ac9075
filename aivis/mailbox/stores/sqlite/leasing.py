"""Leases on SQLite: keys are taken, kept and let go.

One process has the file, so `lease_until` and `not_before` are by the clock of this machine that nobody sets; a start
takes them all back.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from time import monotonic, time

from aivis.failpoints import around
from aivis.mailbox.stores import rows
from aivis.mailbox.values import Deferral, Key, Lease, Message, Rooms


def let_go_of_what_a_crash_left(connection: sqlite3.Connection) -> None:
    """The file is one process's: leases at its start are those of a process that is gone.

    Should it still be there, its fences fail and its events come twice, which both bear.
    """
    connection.execute("begin immediate")
    connection.execute("update keys set lease_until = 0, not_before = 0 where lease_until > 0 or not_before > 0")
    with around("store.open"):
        connection.execute("commit")


def lease(connection: sqlite3.Connection, limit: int, *, seconds: float, messages: int, rooms: Rooms) -> list[Lease]:
    """Take free keys with what waits for them, the tenants in turn."""
    now = monotonic()
    waiting = connection.execute(_TENANTS).fetchall()
    free = [_free(connection, tenant, now, limit, rooms) for (tenant,) in waiting]
    keys = [key for _, _, key in islice(merge(*free), limit)]
    return [_take(connection, key, now, seconds, messages) for key in keys]


def _free(
    connection: sqlite3.Connection, tenant: str, now: float, limit: int, rooms: Rooms
) -> Iterator[tuple[int, int, Key]]:
    """Free keys of `tenant` as far as there is room, longest waiting first: which of the tenant's, message, key."""
    has, room = rooms(tenant)
    most = min(limit, room)
    if most <= 0:
        return
    values = {"tenant": tenant, "now": now, "limit": max(4 * most, _LOOKED_AT)}
    seen: set[str] = set()
    for name, seq in connection.execute(_FREE, values):
        if name not in seen:
            seen.add(name)
            yield has + len(seen), seq, Key(tenant, name)
            if len(seen) == most:
                return


def renew(connection: sqlite3.Connection, leases: Sequence[Lease], seconds: float) -> set[Key]:
    """Keep leases; the keys whose lease is lost."""
    until = monotonic() + seconds
    return {lease.key for lease in leases if not connection.execute(_RENEW, (until, *lease.key, lease.epoch)).rowcount}


def defer(connection: sqlite3.Connection, deferrals: Sequence[Deferral]) -> None:
    """Let keys go, to be leased again after their delay."""
    now, wall = monotonic(), time()
    connection.executemany(
        "update keys set lease_until = 0, not_before = ?, attempts = attempts + ?, error = ?,"
        " failing_since = coalesce(failing_since, ?) where tenant = ? and name = ? and epoch = ?",
        [(now + d.delay, int(d.counts), d.error, wall if d.counts else None, *d.key, d.epoch) for d in deferrals],
    )


def _take(connection: sqlite3.Connection, key: Key, now: float, seconds: float, messages: int) -> Lease:
    epoch, version, state, label, attempts, since = connection.execute(
        "insert into keys (tenant, name, epoch, lease_until, updated_at) values (?, ?, 1, ?, ?)"
        " on conflict (tenant, name) do update set epoch = epoch + 1, lease_until = excluded.lease_until"
        " returning epoch, version, state, label, attempts, failing_since",
        (*key, now + seconds, time()),
    ).fetchone()
    pending = connection.execute(
        "select seq, event_id, topic, headers, value from inbox indexed by inbox_pending"
        " where state = 0 and tenant = ? and name = ? order by seq limit ?",
        (*key, messages),
    ).fetchall()
    inbox = tuple(Message(seq, event, topic, rows.unpack(head), value) for seq, event, topic, head, value in pending)
    return Lease(key, epoch, version, state, label, attempts, inbox, failing(since, time()))


def failing(since: float | None, now: float) -> float:
    """Seconds since the first failure, which restarts outlive; none where the clock was put back."""
    return 0.0 if since is None else max(0.0, now - since)


_TENANTS = """
with recursive waiting(tenant) as (
  select (select tenant from inbox indexed by inbox_of_tenant where state = 0 order by tenant limit 1)
  union all
  select (select i.tenant from inbox i indexed by inbox_of_tenant
          where i.state = 0 and i.tenant > w.tenant order by i.tenant limit 1)
  from waiting w where w.tenant is not null
) select tenant from waiting where tenant is not null
"""
"""Jumps from one tenant in the index to the next."""
_LOOKED_AT = 100
_FREE = """
select i.name, i.seq from inbox i indexed by inbox_of_tenant left join keys k on k.tenant = i.tenant and k.name = i.name
where i.state = 0 and i.tenant = :tenant and coalesce(k.lease_until, 0) < :now and coalesce(k.not_before, 0) <= :now
order by i.seq limit :limit
"""
"""Messages of free keys, the longest waiting first. Of very many of few keys only the oldest are looked at."""
_RENEW = "update keys set lease_until = ? where tenant = ? and name = ? and epoch = ? and lease_until > 0"
