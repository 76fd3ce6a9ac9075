"""Positions on the bus, and restorations, on SQLite."""

import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from time import time
from typing import Protocol, TypeVar

from aivis.events.envelope import Past
from aivis.mailbox.values import Place, Restoration

R = TypeVar("R")
Connection = sqlite3.Connection


class _Database(Protocol):
    async def _read(self, run: Callable[[Connection], R]) -> R: ...

    async def _write(self, point: str, run: Callable[[Connection], R], *, durable: bool = True) -> R: ...


class SqlitePast:
    """The part of a store that knows what the database may lack."""

    async def keep_positions(self: _Database, positions: Mapping[Place, int]) -> None:
        def run(connection: Connection) -> None:
            connection.executemany(_KEEP, [(*place, position) for place, position in positions.items()])

        await self._write("store.keep_positions", run, durable=False)

    async def positions(self: _Database) -> dict[Place, int]:
        found = await self._read(lambda c: c.execute("select topic, place, position from positions").fetchall())
        return {(topic, place): position for topic, place, position in found}

    async def restoration(self: _Database) -> Restoration | None:
        row = await self._read(lambda connection: connection.execute(_LATEST).fetchone())
        return None if row is None else _restoration(*row)

    async def mark_restored(self: _Database, id: str) -> Restoration:
        def run(connection: Connection) -> Restoration:
            (since,) = connection.execute(_SINCE).fetchone()
            connection.execute("insert into restorations (id, since, at) values (?, ?, ?)", (id, since, time()))
            return _restoration(*connection.execute(_LATEST).fetchone())

        return await self._write("store.mark_restored", run)

    async def past_read(self: _Database, id: str, *, whole: bool) -> None:
        statement = "update restorations set whole = ? where id = ?"
        await self._write("store.past_read", lambda connection: connection.execute(statement, (whole, id)))

    async def queue_behind_past(self: _Database) -> None:
        await self._write("store.queue_behind_past", lambda connection: connection.execute(_BEHIND))


def _restoration(id: str, since: float, at: float, whole: int | None) -> Restoration:
    moments = datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(at, UTC)
    return Restoration(id, *moments, None if whole is None else bool(whole))


_KEEP = (
    "insert into positions (topic, place, position) values (?, ?, ?)"
    " on conflict (topic, place) do update set position = excluded.position"
)
_LATEST = "select id, since, at, whole from restorations order by at desc limit 1"
_SINCE = """
select max(coalesce((select max(received_at) from inbox), 0), coalesce((select max(updated_at) from keys), 0),
           coalesce((select max(sent_at) from outbox), 0))
"""
_BEHIND = f"""
update inbox set seq = seq + (select max(seq) from inbox), topic = '{Past.HEARD}:' || topic
where state = 0 and topic not like '{Past.SAID}:%' and topic not like '{Past.HEARD}:%'
"""  # noqa: S608 - constants
