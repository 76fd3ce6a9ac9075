"""Messages into the inbox on PostgreSQL, and the leases that are taken with them: one statement for all of it."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aivis.mailbox.stores import rows
from aivis.mailbox.stores.postgres_commit import Connection
from aivis.mailbox.values import Arrival, Key, Lease, Message, Receipt

_New = dict[tuple[str, str], Any]
"""The rows of new messages, with the lease of their key, by tenant and event id."""


async def receive(connection: Connection, arrivals: Sequence[Arrival], limit: int, seconds: float) -> _New:
    """Insert, and lease up to `limit` of the keys; the new messages."""
    inserted = await connection.fetch(
        _RECEIVE,
        [each.key.tenant for each in arrivals],
        [each.key.name for each in arrivals],
        [each.event_id for each in arrivals],
        [each.topic for each in arrivals],
        *rows.blob((each.headers, each.value) for each in arrivals),
        limit,
        timedelta(seconds=seconds),
    )
    return {(row[0], row[1]): row for row in inserted}


async def receipts(connection: Connection, arrivals: Sequence[Arrival], new: _New) -> list[Receipt]:
    """One receipt per arrival; the outputs of done messages that are asked for again are queued again."""
    if len(new) == len(arrivals):
        return [Receipt.NEW] * len(arrivals)
    found = await connection.fetch(_KNOWN, [each.key.tenant for each in arrivals], [each.event_id for each in arrivals])
    known = {(row[0], row[1]): row for row in found}
    first, made, steps = set(new), [], []
    for arrival in arrivals:
        id = (arrival.key.tenant, arrival.event_id)
        row = known[id]
        if row["digest"] != hashlib.sha256(arrival.value).digest():
            made.append(Receipt.CONFLICT)
        elif id in first:
            first.remove(id)
            made.append(Receipt.NEW)
        else:
            made.append(Receipt.DUPLICATE)
            if arrival.reasked and row["version"] is not None:
                steps.append((arrival.key.tenant, row["name"], row["version"]))
    if steps:
        await connection.execute(_QUEUE_AGAIN, *map(list, zip(*steps, strict=True)))
    return made


def leases(arrivals: Sequence[Arrival], receipts: Sequence[Receipt], new: _New, messages: int) -> list[Lease]:
    """The leases that were taken, each with up to `messages` of the new messages of its key."""
    pending: dict[Key, list[Message]] = {}
    taken = {}
    for arrival, receipt in zip(arrivals, receipts, strict=True):
        if receipt is not Receipt.NEW:
            continue
        key, id = arrival.key, arrival.event_id
        row = new[key.tenant, id]
        _, _, seq, epoch, *_ = row
        if epoch is not None:
            message = Message(seq, id, arrival.topic, arrival.headers, arrival.value, arrival.head)
            pending.setdefault(key, []).append(message)
            taken[key] = row
    return [_lease(key, taken[key], found[:messages]) for key, found in pending.items()]


def _lease(key: Key, row: Any, messages: Sequence[Message]) -> Lease:
    _, _, _, epoch, version, state, label, attempts = row
    return Lease(key, epoch, version, state, label, attempts, tuple(messages))


_RECEIVE = """
with new as (
  insert into inbox (tenant, name, event_id, topic, headers, value)
  select tenant, name, event_id, topic, substring($8::bytea, start, head), substring($8, start + head, length)
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::int[], $7::int[])
  with ordinality as a(tenant, name, event_id, topic, start, head, length, n) order by n
  on conflict do nothing returning tenant, name, event_id, seq
), free as (
  select tenant, name from new where not exists (
    select 1 from inbox older where older.state = 0 and older.tenant = new.tenant and older.name = new.name
  ) group by tenant, name order by min(seq) limit $9
), leased as (
  insert into keys as k (tenant, name, epoch, lease_until)
  select tenant, name, 1, now() + $10 from free order by tenant, name
  on conflict (tenant, name) do update set epoch = k.epoch + 1, lease_until = excluded.lease_until
    where k.lease_until < now() and k.not_before <= now()
  returning tenant, name, epoch, version, state, label, attempts
)
select tenant, event_id, seq, epoch, version, state, label, attempts from new left join leased using (tenant, name)
"""
"""What the statement inserts it does not see itself: the older messages are those from before."""
_KNOWN = """
select i.tenant, i.event_id, i.digest, i.name, i.version from inbox i
join unnest($1::text[], $2::text[]) as a(tenant, event_id) using (tenant, event_id)
"""
_QUEUE_AGAIN = """
update outbox o set sent_at = null from unnest($1::text[], $2::text[], $3::bigint[]) as s(tenant, name, version)
where o.tenant = s.tenant and o.name = s.name and o.version >= s.version
"""
