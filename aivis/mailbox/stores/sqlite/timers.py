"""Timers on SQLite: when one is due it becomes a message."""

import sqlite3
from time import time

from aivis.mailbox.stores import rows


def any_due(connection: sqlite3.Connection) -> bool:
    """Whether there is one to fire."""
    return connection.execute("select 1 from timers where due <= ? limit 1", (time(),)).fetchone() is not None


def fire(connection: sqlite3.Connection, limit: int) -> int:
    """Put up to `limit` that are due into the inbox; how many."""
    now = time()
    due = connection.execute(
        "select tenant, name, timer, event_id, headers, value from timers where due <= ? order by due limit ?",
        (now, limit),
    ).fetchall()
    for tenant, name, timer, event_id, headers, value in due:
        connection.execute(
            "insert into inbox (tenant, name, event_id, topic, headers, value, digest, received_at)"
            " values (?, ?, ?, '', ?, ?, ?, ?) on conflict do nothing",
            (tenant, name, event_id, headers, value, rows.digest(value), now),
        )
        connection.execute("delete from timers where tenant = ? and name = ? and timer = ?", (tenant, name, timer))
    return len(due)
