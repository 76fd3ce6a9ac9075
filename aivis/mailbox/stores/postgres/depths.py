"""How much waits, on PostgreSQL."""

from aivis.mailbox.stores.postgres.part import ALL, Database
from aivis.mailbox.values import Depths


class PostgresDepths:
    """The part of a store that counts."""

    async def depths(self: Database) -> Depths:
        async with self._bound([ALL]) as connection:
            row = await connection.fetchrow(_DEPTHS)
            found = await connection.fetch("select tenant, count(*) from inbox where state = 0 group by tenant")
        waiting: dict[str, int] = dict(map(tuple, found))
        outbox, oldest, letters, quarantined, at = row
        return Depths(sum(waiting.values()), outbox, oldest, letters, quarantined, at, waiting)

    async def timers_set(self: Database, name: str) -> dict[str, int]:
        statement = "select tenant, count(*) from timers where timer = $1 group by tenant"
        async with self._bound([ALL]) as connection:
            return dict(map(tuple, await connection.fetch(statement, name)))


_DEPTHS = (
    "select (select count(*) from outbox where sent_at is null),"
    " (select coalesce(extract(epoch from now() - min(received_at)), 0)::float8 from inbox where state = 0),"
    " (select count(*) from letters), (select count(*) from letters where event_id = ''), clock_timestamp()"
)
