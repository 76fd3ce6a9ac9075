"""Dead letters on SQLite."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from time import time

from aivis.mailbox.stores import rows
from aivis.mailbox.values import Letter


def quarantine(connection: sqlite3.Connection, letters: Sequence[Letter]) -> None:
    """Keep messages that could not be let in."""
    now = time()
    connection.executemany(
        "insert into letters (tenant, name, event_id, topic, headers, value, reason, at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        [(x.tenant, x.key, "", x.topic, rows.pack(x.headers), x.value, x.reason, now) for x in letters],
    )


def newest(connection: sqlite3.Connection, limit: int) -> list[Letter]:
    """Up to `limit` letters, newest first."""
    found = connection.execute("select * from letters order by id desc limit ?", (limit,))
    return [_letter(row) for row in found.fetchall()]


def one(connection: sqlite3.Connection, id: int) -> Letter | None:
    """The letter `id`."""
    row = connection.execute("select * from letters where id = ?", (id,)).fetchone()
    return None if row is None else _letter(row)


def retry(connection: sqlite3.Connection, ids: Sequence[int]) -> list[Letter]:
    """Take the letters out, and put the messages of those that were buried back into the inbox."""
    taken = []
    for id in ids:
        row = connection.execute("delete from letters where id = ? returning *", (id,)).fetchone()
        if row is None:
            continue
        letter = _letter(row)
        taken.append(letter)
        if letter.event_id:
            key = (letter.tenant, letter.key)
            connection.execute(
                "update inbox set state = 0, version = null where tenant = ? and event_id = ? and state = 2",
                (letter.tenant, letter.event_id),
            )
            connection.execute("update keys set attempts = 0, not_before = 0 where tenant = ? and name = ?", key)
    return taken


def _letter(row: tuple[int, str, str, str, str, bytes, bytes, str, float]) -> Letter:
    id, tenant, name, event_id, topic, headers, value, reason, at = row
    moment = datetime.fromtimestamp(at, UTC)
    return Letter(topic, rows.unpack(headers), value, reason, tenant, name, event_id, id, moment)
