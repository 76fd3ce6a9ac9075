"""Leases on PostgreSQL: keys are taken, kept and let go."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aivis.mailbox.stores import rows
from aivis.mailbox.stores.postgres.committing import Connection
from aivis.mailbox.values import Deferral, Key, Lease, Message, Rooms


async def lease(connection: Connection, limit: int, *, seconds: float, messages: int, rooms: Rooms) -> list[Lease]:
    """Take free keys with what waits for them, the tenants in turn."""
    taken = await connection.fetch(_LEASE, limit, timedelta(seconds=seconds), *columns(rooms))
    if not taken:
        return []
    tenants, names = [row["tenant"] for row in taken], [row["name"] for row in taken]
    pending = await connection.fetch(_PENDING, tenants, names, messages)
    inbox: dict[Key, list[Message]] = {}
    for tenant, name, seq, event, topic, headers, value in pending:
        inbox.setdefault(Key(tenant, name), []).append(Message(seq, event, topic, rows.unpack(headers), value))
    return [_lease(row, inbox) for row in sorted(taken, key=lambda row: _first(row, inbox))]


def columns(rooms: Rooms) -> tuple[int, list[str], list[int], list[int]]:
    """The rooms as parameters: a newcomer's; tenants, what they have, how much more they may take."""
    return rooms.newcomer, [*rooms.of], [has for has, _ in rooms.of.values()], [room for _, room in rooms.of.values()]


async def renew(connection: Connection, leases: Sequence[Lease], *, seconds: float) -> set[Key]:
    """Keep leases; the keys whose lease is lost."""
    kept = await connection.fetch(
        "update keys k set lease_until = now() + $4"
        " from unnest($1::text[], $2::text[], $3::bigint[]) as w(tenant, name, epoch)"
        " where k.tenant = w.tenant and k.name = w.name and k.epoch = w.epoch and k.lease_until > '-infinity'"
        " returning k.tenant, k.name",
        [lease.key.tenant for lease in leases],
        [lease.key.name for lease in leases],
        [lease.epoch for lease in leases],
        timedelta(seconds=seconds),
    )
    return {lease.key for lease in leases} - {Key(*row) for row in kept}


async def defer(connection: Connection, deferrals: Sequence[Deferral]) -> None:
    """Let keys go, to be leased again after their delay."""
    await connection.executemany(
        "update keys set lease_until = '-infinity', not_before = now() + make_interval(secs => $4),"
        " attempts = attempts + $5, error = $6,"
        " failing_since = case when $5 > 0 then coalesce(failing_since, now()) else failing_since end"
        " where tenant = $1 and name = $2 and epoch = $3",
        [(*d.key, d.epoch, d.delay, int(d.counts), rows.text(d.error)) for d in deferrals],
    )


def _lease(row: Any, inbox: dict[Key, list[Message]]) -> Lease:
    tenant, name, epoch, version, state, label, attempts, failing = row
    key = Key(tenant, name)
    return Lease(key, epoch, version, state, label, attempts, tuple(inbox.get(key, ())), failing)


def _first(row: Any, inbox: dict[Key, list[Message]]) -> int:
    messages = inbox.get(Key(row["tenant"], row["name"]))
    return messages[0].seq if messages else 0


_LEASE = """
with recursive waiting as (
  (select tenant from inbox where state = 0 order by tenant limit 1)
  union all
  select (select i.tenant from inbox i where i.state = 0 and i.tenant > w.tenant order by i.tenant limit 1)
  from waiting w where w.tenant is not null
), rooms as (
  select w.tenant, coalesce(r.has, 0) as has, least(coalesce(r.room, $3), $1) as most
  from waiting w left join unnest($4::text[], $5::int[], $6::int[]) as r(tenant, has, room) using (tenant)
), free as (
  select r.tenant, f.name from rooms r cross join lateral (
    select name, first, row_number() over (order by first) as place from (
      select name, min(seq) as first from (
        select i.name, i.seq from inbox i left join keys k on k.tenant = i.tenant and k.name = i.name
        where i.state = 0 and i.tenant = r.tenant
          and (k.name is null or (k.lease_until < now() and k.not_before <= now()))
        order by i.seq limit greatest(4 * r.most, 100)
      ) oldest group by name order by first limit r.most
    ) of_tenant
  ) f where r.most > 0 order by r.has + f.place, f.first limit $1
)
insert into keys as k (tenant, name, epoch, lease_until)
select tenant, name, 1, now() + $2 from free order by tenant, name
on conflict (tenant, name) do update set epoch = k.epoch + 1, lease_until = excluded.lease_until
  where k.lease_until < now()
returning tenant, name, epoch, version, state, label, attempts,
  coalesce(extract(epoch from now() - failing_since), 0)::float8
"""
"""Of very many messages of few keys only the oldest are looked at."""
_PENDING = """
select w.tenant, w.name, i.seq, i.event_id, i.topic, i.headers, i.value
from unnest($1::text[], $2::text[]) as w(tenant, name)
cross join lateral (
  select seq, event_id, topic, headers, value from inbox p
  where p.state = 0 and p.tenant = w.tenant and p.name = w.name order by seq limit $3
) i order by i.seq
"""
