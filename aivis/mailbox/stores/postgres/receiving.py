"""Messages into the inbox on PostgreSQL, and the leases that are taken with them: one statement for all of it."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from operator import itemgetter
from typing import Any

from aivis.mailbox.stores.postgres.arrays import array, blob
from aivis.mailbox.stores.postgres.committing import Connection
from aivis.mailbox.stores.postgres.leasing import columns
from aivis.mailbox.values import Arrival, Key, Lease, Message, Receipt, Rooms

Row = Any
"""A new message, with the lease of its key."""


async def receive(
    connection: Connection, arrivals: Sequence[Arrival], limit: int, *, seconds: float, rooms: Rooms
) -> list[Row | None]:
    """Insert, and lease up to `limit` of the keys; for each arrival its row, None where it was known."""
    inserted: list[Row] = await connection.fetch(
        _RECEIVE,
        array([each.key.tenant for each in arrivals]),
        array([each.key.name for each in arrivals]),
        array([each.event_id for each in arrivals]),
        array([each.topic for each in arrivals]),
        *blob((each.headers, each.value) for each in arrivals),
        limit,
        timedelta(seconds=seconds),
        *columns(rooms),
    )
    if len(inserted) == len(arrivals):
        return sorted(inserted, key=itemgetter("seq"))
    new = {(row["tenant"], row["event_id"]): row for row in inserted}
    return [new.pop((each.key.tenant, each.event_id), None) for each in arrivals]


async def receipts(connection: Connection, arrivals: Sequence[Arrival], placed: Sequence[Row | None]) -> list[Receipt]:
    """One receipt per arrival; the outputs of done messages that are asked for again are queued again."""
    made = [Receipt.NEW] * len(arrivals)
    old = [(n, arrival) for n, arrival in enumerate(arrivals) if placed[n] is None]
    if not old:
        return made
    found = await connection.fetch(_KNOWN, [each.key.tenant for _, each in old], [each.event_id for _, each in old])
    known = {(row["tenant"], row["event_id"]): row for row in found}
    steps = []
    for n, arrival in old:
        row = known[arrival.key.tenant, arrival.event_id]
        if row["digest"] != hashlib.sha256(arrival.value).digest():
            made[n] = Receipt.CONFLICT
        else:
            made[n] = Receipt.DUPLICATE
            if arrival.reasked and row["version"] is not None:
                steps.append((arrival.key.tenant, row["name"], row["version"]))
    if steps:
        await connection.execute(_QUEUE_AGAIN, *map(list, zip(*steps, strict=True)))
    return made


def leases(arrivals: Sequence[Arrival], placed: Sequence[Row | None], messages: int) -> list[Lease]:
    """The leases that were taken, each with up to `messages` of the new messages of its key."""
    pending: dict[Key, list[Message]] = {}
    taken = {}
    for arrival, row in zip(arrivals, placed, strict=True):
        if row is not None and row["epoch"] is not None:
            message = Message(row["seq"], arrival.event_id, arrival.topic, arrival.headers, arrival.value, arrival.head)
            pending.setdefault(arrival.key, []).append(message)
            taken[arrival.key] = row
    return [_lease(key, taken[key], found[:messages]) for key, found in pending.items()]


def _lease(key: Key, row: Any, messages: Sequence[Message]) -> Lease:
    _, _, _, epoch, version, state, label, attempts, failing = row
    return Lease(key, epoch, version, state, label, attempts, tuple(messages), failing)


_RECEIVE = """
with new as (
  insert into inbox (tenant, name, event_id, topic, headers, value)
  select tenant, name, event_id, topic, substring($8::bytea, start, head), substring($8, start + head, length)
  from unnest(
    $1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
    $5::text::int[], $6::text::int[], $7::text::int[])
  with ordinality as a(tenant, name, event_id, topic, start, head, length, n) order by n
  on conflict do nothing returning tenant, name, event_id, seq
), first as (
  select tenant, name, row_number() over (partition by tenant order by min(seq)) as place, min(seq) as seq
  from new where not exists (
    select 1 from inbox older where older.state = 0 and older.tenant = new.tenant and older.name = new.name
  ) group by tenant, name
), free as (
  select f.tenant, f.name
  from first f left join unnest($12::text[], $13::int[], $14::int[]) as r(tenant, has, room) using (tenant)
  where f.place <= coalesce(r.room, $11) order by coalesce(r.has, 0) + f.place, f.seq limit $9
), leased as (
  insert into keys as k (tenant, name, epoch, lease_until)
  select tenant, name, 1, now() + $10 from free order by tenant, name
  on conflict (tenant, name) do update set epoch = k.epoch + 1, lease_until = excluded.lease_until
    where k.lease_until < now() and k.not_before <= now()
  returning tenant, name, epoch, version, state, label, attempts,
    coalesce(extract(epoch from now() - failing_since), 0)::float8 as failing
)
select tenant, event_id, seq, epoch, version, state, label, attempts, failing
from new left join leased using (tenant, name)
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
