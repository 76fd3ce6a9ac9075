"""Messages into the inbox on SQLite, and the leases that are taken with them."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic, time

from aivis.mailbox.stores import rows
from aivis.mailbox.stores.sqlite.leasing import failing
from aivis.mailbox.values import Arrival, Key, Lease, Message, Receipt, Rooms

_New = dict[Key, list[Message]]


def receive(connection: sqlite3.Connection, arrivals: Sequence[Arrival]) -> tuple[list[Receipt], _New]:
    """Insert; the receipts, and the new messages by key."""
    now = time()
    receipts = []
    new: _New = {}
    for arrival in arrivals:
        key, id, topic, headers, value = arrival.key, arrival.event_id, arrival.topic, arrival.headers, arrival.value
        digest = rows.digest(value)
        inserted = connection.execute(_INSERT, (*key, id, topic, rows.pack(headers), value, digest, now))
        if inserted.rowcount:
            receipts.append(Receipt.NEW)
            message = Message(inserted.lastrowid or 0, id, topic, headers, value, arrival.head)
            new.setdefault(key, []).append(message)
        else:
            receipts.append(_known(connection, arrival, digest))
    return receipts, new


def _known(connection: sqlite3.Connection, arrival: Arrival, digest: bytes) -> Receipt:
    known, name, version = connection.execute(
        "select digest, name, version from inbox where tenant = ? and event_id = ?",
        (arrival.key.tenant, arrival.event_id),
    ).fetchone()
    if known != digest:
        return Receipt.CONFLICT
    if arrival.reasked and version is not None:
        connection.execute(
            "update outbox set sent_at = null where tenant = ? and name = ? and version >= ?",
            (arrival.key.tenant, name, version),
        )
    return Receipt.DUPLICATE


def lease(
    connection: sqlite3.Connection, new: Iterable[tuple[Key, list[Message]]], *, seconds: float, messages: int
) -> list[Lease]:
    """Lease the keys of the `new` messages: those that are free and have no older ones."""
    now, changed = monotonic(), time()
    leases = []
    for key, pending in new:
        values = (*key, now + seconds, changed, *key, pending[0].seq, now, now)
        if taken := connection.execute(_LEASE, values).fetchone():
            epoch, version, state, label, attempts, since = taken
            first = tuple(pending[:messages])
            leases.append(Lease(key, epoch, version, state, label, attempts, first, failing(since, changed)))
    return leases


def with_room(new: _New, limit: int, rooms: Rooms) -> Iterator[tuple[Key, list[Message]]]:
    """Up to `limit` keys of `new` for which their tenants have room."""
    taken: Counter[str] = Counter()
    for key, pending in new.items() if limit else ():
        if taken[key.tenant] < rooms(key.tenant)[1]:
            taken[key.tenant] += 1
            yield key, pending
            if taken.total() >= limit:
                return


_INSERT = (
    "insert into inbox (tenant, name, event_id, topic, headers, value, digest, received_at)"
    " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing"
)
_LEASE = """
insert into keys (tenant, name, epoch, lease_until, updated_at) select ?, ?, 1, ?, ?
where (select min(seq) from inbox indexed by inbox_pending where state = 0 and tenant = ? and name = ?) = ?
on conflict (tenant, name) do update set epoch = epoch + 1, lease_until = excluded.lease_until
  where lease_until < ? and not_before <= ?
returning epoch, version, state, label, attempts, failing_since
"""
