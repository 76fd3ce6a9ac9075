"""Positions on the bus, and restorations, on PostgreSQL."""

from collections.abc import Mapping

from aivis.events.envelope import Past
from aivis.mailbox.stores.postgres.part import ALL, Database
from aivis.mailbox.values import Place, Restoration


class PostgresPast:
    """The part of a store that knows what the database may lack."""

    async def keep_positions(self: Database, positions: Mapping[Place, int]) -> None:
        kept = sorted((*place, position) for place, position in positions.items())
        async with self._transaction("store.keep_positions", [ALL], durable=False) as connection:
            await connection.execute(_KEEP, *map(list, zip(*kept, strict=True)))

    async def positions(self: Database) -> dict[Place, int]:
        async with self._bound([ALL]) as connection:
            found = await connection.fetch("select topic, place, position from positions")
        return {(topic, place): position for topic, place, position in found}

    async def restoration(self: Database) -> Restoration | None:
        async with self._bound([ALL]) as connection:
            row = await connection.fetchrow(_LATEST)
        return None if row is None else Restoration(*row)

    async def mark_restored(self: Database, id: str) -> Restoration:
        async with self._transaction("store.mark_restored", [ALL]) as connection:
            await connection.execute(f"insert into restorations (id, since) values ($1, {_SINCE})", id)  # noqa: S608 - constants
            return Restoration(*await connection.fetchrow(_LATEST))

    async def past_read(self: Database, id: str, *, whole: bool) -> None:
        async with self._transaction("store.past_read", [ALL]) as connection:
            await connection.execute("update restorations set whole = $2 where id = $1", id, whole)

    async def queue_behind_past(self: Database) -> None:
        async with self._transaction("store.queue_behind_past", [ALL]) as connection:
            waiting = await connection.fetch(_WAITING)
            await connection.execute("delete from inbox where seq = any($1::bigint[])", [row["seq"] for row in waiting])
            await connection.executemany(_BACK, [tuple(row)[1:] for row in waiting])


_KEEP = """
insert into positions (topic, place, position) select * from unnest($1::text[], $2::int[], $3::bigint[])
on conflict (topic, place) do update set position = excluded.position
"""
_LATEST = "select id, since, at, whole from restorations order by at desc limit 1"
_SINCE = """
coalesce(greatest((select max(received_at) from inbox), (select max(updated_at) from keys),
                  (select max(sent_at) from outbox)), to_timestamp(0))
"""
_WAITING = f"""
select seq, tenant, name, event_id, '{Past.HEARD}:' || topic, headers, value, received_at from inbox
where state = 0 and topic not like '{Past.SAID}:%' and topic not like '{Past.HEARD}:%' order by seq for update
"""  # noqa: S608 - constants
_BACK = (
    "insert into inbox (tenant, name, event_id, topic, headers, value, received_at) values ($1, $2, $3, $4, $5, $6, $7)"
)
