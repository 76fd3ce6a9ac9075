"""The commit of a group of steps on SQLite: each under its own fence, all in one transaction."""

import sqlite3
from collections.abc import Sequence

from aivis.mailbox.stores import rows
from aivis.mailbox.values import OutboxRow, Verdict, Write


def commit_group(
    connection: sqlite3.Connection, writes: Sequence[Write], now: float
) -> tuple[list[Verdict], list[OutboxRow]]:
    """Commit each write that still may be, and say what that leaves to publish.

    A write that may not leaves nothing behind.
    """
    left: list[OutboxRow] = []
    return [_commit(connection, write, now, left) for write in writes], left


def _commit(connection: sqlite3.Connection, write: Write, now: float, left: list[OutboxRow]) -> Verdict:
    verdict = _barred(connection, write, now) if write.take or write.unless else None
    if verdict is None and not _state(connection, write, now):
        verdict = _too_late(connection, write)
    if verdict is not None:
        return verdict
    _holds(connection, write)
    _inbox(connection, write, now)
    left += _outbox(connection, write)
    _log_and_timers(connection, write, now)
    return Verdict.COMMITTED


def _too_late(connection: sqlite3.Connection, write: Write) -> Verdict:
    """The verdict on a write whose fence does not fit any more."""
    row = connection.execute("select epoch, version from keys where tenant = ? and name = ?", write.key).fetchone()
    return Verdict.COMMITTED if row == (write.epoch, write.version + 1) else Verdict.FENCED


def _barred(connection: sqlite3.Connection, write: Write, now: float) -> Verdict | None:
    """What keeps a write out whose fence may still fit."""
    row = connection.execute("select epoch, version from keys where tenant = ? and name = ?", write.key).fetchone()
    if row != (write.epoch, write.version):
        return _too_late(connection, write)
    tenant, name = write.key
    for hold in write.unless:
        statement = "select 1 from holds where tenant in (?, '*') and hold = ?"
        if connection.execute(statement, (tenant, hold)).fetchone():
            return Verdict.STOPPED
    for hold in write.unless:
        if connection.execute(_FROZEN, (tenant, hold, now, now)).fetchone():
            return Verdict.FROZEN
    for hold in write.take:
        statement = "select 1 from holds where tenant = ? and hold = ? and holder <> ?"
        if connection.execute(statement, (tenant, hold, name)).fetchone():
            return Verdict.HELD
    return None


_FROZEN = "select 1 from windows where tenant in (?, '*') and hold = ? and begins <= ? and ends > ?"


def _state(connection: sqlite3.Connection, write: Write, now: float) -> bool:
    """Change the key under the write's fence; False when it does not fit."""
    changed = connection.execute(
        "update keys set version = version + 1, state = coalesce(?, state), label = coalesce(?, label),"
        " attempts = 0, failing_since = null, error = '', updated_at = ?,"
        " lease_until = case when ? then 0 else lease_until end"
        " where tenant = ? and name = ? and epoch = ? and version = ?",
        (write.state, write.label, now, write.release, *write.key, write.epoch, write.version),
    )
    return changed.rowcount == 1


def _holds(connection: sqlite3.Connection, write: Write) -> None:
    tenant, name = write.key
    for hold in write.take:
        connection.execute(
            "insert into holds (tenant, hold, holder) values (?, ?, ?) on conflict do nothing", (tenant, hold, name)
        )
    for hold in write.free:
        connection.execute("delete from holds where tenant = ? and hold = ? and holder = ?", (tenant, hold, name))


def _inbox(connection: sqlite3.Connection, write: Write, now: float) -> None:
    version = write.version + 1
    for seq in write.done:
        connection.execute("update inbox set state = 1, version = ? where seq = ?", (version, seq))
    for burial in write.dead:
        connection.execute("update inbox set state = 2, version = ? where seq = ?", (version, burial.seq))
        connection.execute(
            "insert into letters (tenant, name, event_id, topic, headers, value, reason, at)"
            " select tenant, name, event_id, topic, headers, value, ?, ? from inbox where seq = ?",
            (burial.reason, now, burial.seq),
        )


def _outbox(connection: sqlite3.Connection, write: Write) -> list[OutboxRow]:
    """The rows, with their ids."""
    placed = []
    for _, event_id, topic, key, headers, value in write.outbox:
        id = connection.execute(
            "insert into outbox (tenant, name, version, event_id, topic, key, headers, value)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            (*write.key, write.version + 1, event_id, topic, key, rows.pack(headers), value),
        ).lastrowid
        placed.append(OutboxRow(id or 0, event_id, topic, key, headers, value))
    return placed


def _log_and_timers(connection: sqlite3.Connection, write: Write, now: float) -> None:
    tenant, name = write.key
    for row in write.log:
        values = (tenant, name, row.sequence, row.event_id, rows.pack(row.headers), row.value)
        connection.execute(
            "insert into log (tenant, name, sequence, event_id, headers, value) values (?, ?, ?, ?, ?, ?)", values
        )
    for timer in write.timers:
        if timer.after is None:
            connection.execute(
                "delete from timers where tenant = ? and name = ? and timer = ?", (tenant, name, timer.name)
            )
        else:
            connection.execute(
                "insert into timers (tenant, name, timer, due, event_id, headers, value) values (?, ?, ?, ?, ?, ?, ?)"
                " on conflict (tenant, name, timer) do update set"
                " due = excluded.due, event_id = excluded.event_id, headers = excluded.headers, value = excluded.value",
                (tenant, name, timer.name, now + timer.after, timer.event_id, rows.pack(timer.headers), timer.value),
            )
