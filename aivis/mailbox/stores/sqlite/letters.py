"""Dead letters on SQLite."""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import time
from typing import Any, Protocol, TypeVar

from aivis.mailbox.letters import ANY, Fate, Heading, Kind, Wanted
from aivis.mailbox.stores import rows
from aivis.mailbox.values import Letter

R = TypeVar("R")
Connection = sqlite3.Connection
_ONE = "select id, tenant, name, event_id, topic, headers, value, reason, at from letters where id = ?"
_TAKE = "delete from letters where id = ? returning id, tenant, name, event_id, topic, headers, value, reason, at"


class _Database(Protocol):
    async def _read(self, run: Callable[[Connection], R]) -> R: ...

    async def _write(self, point: str, run: Callable[[Connection], R], *, durable: bool = True) -> R: ...


class SqliteLetters:
    """The part of a store that keeps dead letters."""

    async def quarantine(self: _Database, letters: Sequence[Letter]) -> None:
        await self._write("store.quarantine", lambda connection: _insert(connection, letters))

    async def letters(self: _Database, wanted: Wanted = ANY, *, limit: int) -> list[Heading]:
        return await self._read(lambda connection: _listed(connection, wanted, limit))

    async def count_letters(self: _Database, wanted: Wanted = ANY) -> dict[Kind, int]:
        return await self._read(lambda connection: _counted(connection, wanted))

    async def letter(self: _Database, id: int) -> Letter | None:
        return await self._read(lambda connection: _one(connection, id))

    async def retry(self: _Database, ids: Sequence[int]) -> list[Letter]:
        return await self._write("store.retry", lambda connection: _retry(connection, ids))

    async def drop(self: _Database, ids: Sequence[int]) -> list[Heading]:
        return await self._write("store.drop", lambda connection: _drop(connection, ids))

    async def fates(self: _Database, events: Sequence[tuple[str, str]]) -> list[Fate | None]:
        return await self._read(lambda connection: [_fate(connection, *event) for event in events])


def _insert(connection: Connection, letters: Sequence[Letter]) -> None:
    now = time()
    connection.executemany(
        "insert into letters (tenant, name, event_id, topic, headers, value, reason, at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        [(x.tenant, x.key, "", x.topic, rows.pack(x.headers), x.value, x.reason, now) for x in letters],
    )


def _listed(connection: Connection, wanted: Wanted, limit: int) -> list[Heading]:
    statement = f"select {_HEADING} from letters where {_FITS} order by id desc limit :limit"  # noqa: S608 - constants
    found = connection.execute(statement, {**_values(wanted), "limit": limit})
    return [_heading(row) for row in found.fetchall()]


def _counted(connection: Connection, wanted: Wanted) -> dict[Kind, int]:
    statement = f"select count(*), coalesce(sum(event_id = ''), 0) from letters where {_FITS}"  # noqa: S608 - constants
    both, quarantined = connection.execute(statement, _values(wanted)).fetchone()
    return {Kind.BURIED: both - quarantined, Kind.QUARANTINED: quarantined}


def _values(wanted: Wanted) -> dict[str, Any]:
    now = time()
    return {
        "tenant": wanted.tenant,
        "topic": wanted.topic,
        "key": wanted.key,
        "event": wanted.event,
        "reason": wanted.reason,
        "kind": wanted.kind or "",
        "since": None if wanted.younger is None else now - wanted.younger,
        "until": None if wanted.older is None else now - wanted.older,
        "before": wanted.before,
    }


def _one(connection: Connection, id: int) -> Letter | None:
    row = connection.execute(_ONE, (id,)).fetchone()
    return None if row is None else _letter(row)


def _retry(connection: Connection, ids: Sequence[int]) -> list[Letter]:
    """Take the letters out, and put the messages of those that were buried back into the inbox."""
    taken = []
    for id in ids:
        row = connection.execute(_TAKE, (id,)).fetchone()
        if row is not None:
            taken.append(_letter(row))
            if taken[-1].event_id:
                _bring_back(connection, taken[-1])
    return taken


def _bring_back(connection: Connection, letter: Letter) -> None:
    """The message to the inbox, from where it lies dead or, where it does not any more, from the letter itself."""
    key, digest = (letter.tenant, letter.key), rows.digest(letter.value)
    connection.execute(
        "insert into inbox (tenant, name, event_id, topic, headers, value, digest, received_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)"
        " on conflict (tenant, event_id) do update set state = 0, version = null where state = 2",
        (*key, letter.event_id, letter.topic, rows.pack(letter.headers), letter.value, digest, time()),
    )
    connection.execute(
        "update keys set attempts = 0, failing_since = null, not_before = 0 where tenant = ? and name = ?", key
    )


def _drop(connection: Connection, ids: Sequence[int]) -> list[Heading]:
    """Delete the letters. Of a buried message the id stays known, as that of one that is done."""
    dropped = []
    for id in ids:
        statement = f"delete from letters where id = ? returning {_HEADING}"  # noqa: S608 - constants
        row = connection.execute(statement, (id,)).fetchone()
        if row is not None:
            dropped.append(_heading(row))
            connection.execute(
                "update inbox set state = 1 where tenant = ? and event_id = ? and state = 2",
                (dropped[-1].tenant, dropped[-1].event_id),
            )
    return dropped


def _fate(connection: Connection, tenant: str, event_id: str) -> Fate | None:
    statement = "select state from inbox where tenant = ? and event_id = ?"
    row = connection.execute(statement, (tenant, event_id)).fetchone()
    return None if row is None else rows.FATES[row[0]]


def _heading(row: tuple[int, str, str, str, str, str, float, int]) -> Heading:
    id, event_id, topic, tenant, name, reason, at, size = row
    return Heading(id, event_id, topic, tenant, name, reason, datetime.fromtimestamp(at, UTC), size)


def _letter(row: tuple[int, str, str, str, str, bytes, bytes, str, float]) -> Letter:
    id, tenant, name, event_id, topic, headers, value, reason, at = row
    moment = datetime.fromtimestamp(at, UTC)
    return Letter(topic, rows.unpack(headers), value, reason, tenant, name, event_id, id, moment)


_HEADING = "id, event_id, topic, tenant, name, reason, at, length(value)"
_FITS = """
(:tenant = '' or tenant = :tenant) and (:topic = '' or topic = :topic) and (:key = '' or name = :key)
and (:event = '' or event_id = :event) and (:reason = '' or instr(lower(reason), lower(:reason)) > 0)
and (:kind = '' or (:kind = 'buried') = (event_id <> ''))
and (:since is null or at >= :since) and (:until is null or at <= :until) and (:before = 0 or id < :before)
"""
