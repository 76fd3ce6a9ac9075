"""Names that are held by hand on SQLite: for good, or from one moment to another."""

import sqlite3
from datetime import UTC, datetime
from time import time

from aivis.mailbox.values import Window


def hold(connection: sqlite3.Connection, tenant: str, name: str, holder: str) -> None:
    """Take a name, unless somebody has it."""
    connection.execute(
        "insert into holds (tenant, hold, holder) values (?, ?, ?) on conflict do nothing", (tenant, name, holder)
    )


def unhold(connection: sqlite3.Connection, tenant: str, name: str, holder: str) -> None:
    """Let a name go."""
    connection.execute("delete from holds where tenant = ? and hold = ? and holder = ?", (tenant, name, holder))


def held(connection: sqlite3.Connection, prefix: str) -> list[tuple[str, str, str]]:
    """(tenant, name, holder) of every name that starts with `prefix`."""
    statement = "select tenant, hold, holder from holds where substr(hold, 1, ?) = ? order by 1, 2"
    return connection.execute(statement, (len(prefix), prefix)).fetchall()


def hold_for(connection: sqlite3.Connection, window: Window) -> Window | None:
    """Hold a name for a while; None when it would be over at once."""
    now = time()
    begins = now if window.begins is None else window.begins.timestamp()
    if window.ends.timestamp() <= max(begins, now):
        return None
    values = (window.tenant, window.id, window.hold, begins, window.ends.timestamp(), window.reason)
    connection.execute(_HOLD_FOR, values)
    return window._replace(begins=_moment(begins))


def end_window(connection: sqlite3.Connection, tenant: str, id: str) -> bool:
    """End a window; False when there is none."""
    return connection.execute("delete from windows where tenant = ? and id = ?", (tenant, id)).rowcount == 1


def windows(connection: sqlite3.Connection, prefix: str) -> list[Window]:
    """Those that are not over, the earliest first."""
    found = connection.execute(
        "select tenant, id, hold, begins, ends, reason from windows"
        " where ends > ? and substr(hold, 1, ?) = ? order by begins, tenant, id",
        (time(), len(prefix), prefix),
    ).fetchall()
    return [Window(tenant, id, hold, _moment(b), _moment(e), reason) for tenant, id, hold, b, e, reason in found]


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


_HOLD_FOR = """
insert into windows (tenant, id, hold, begins, ends, reason) values (?, ?, ?, ?, ?, ?)
on conflict (tenant, id) do update set hold = excluded.hold, begins = excluded.begins, ends = excluded.ends,
  reason = excluded.reason
"""
