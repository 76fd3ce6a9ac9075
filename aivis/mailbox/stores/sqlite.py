"""The mailbox's store on SQLite: one file, one process, one writer thread.

Every transaction runs on the writer thread; those that may be lost in a power cut without losing a message (leases,
sent marks) do not wait for the disk, all others do (`synchronous=FULL`). Claims are this process's affair alone, and
are not written at all.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any, TypeVar

import orjson

from aivis.errors import Invalid, Transient
from aivis.mailbox.stores import rows, sqlite_receive
from aivis.mailbox.stores.sqlite_claims import Claims
from aivis.mailbox.stores.sqlite_commit import commit_group
from aivis.mailbox.values import (
    Arrival,
    Deferral,
    Depths,
    Key,
    Lease,
    Letter,
    LogRow,
    Message,
    OutboxRow,
    Receipt,
    Snapshot,
    Verdict,
    Write,
)

R = TypeVar("R")
Connection = sqlite3.Connection

_SCHEMA = (Path(__file__).parent / "sqlite.sql").read_text(encoding="utf-8")


class SqliteStore:
    """A `Store` in the file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"sqlite-{path.stem}")
        self._connection: Connection | None = None
        self._synchronous = ""
        self._claims = Claims()

    async def open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        await self._on_thread(self._connect)

    def _connect(self) -> None:
        if self._connection is not None:
            return
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=10)
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma wal_autocheckpoint=4000")
        connection.execute("pragma cache_size=-4000")
        connection.executescript(_SCHEMA)
        _let_go_of_what_a_crash_left(connection)
        self._connection = connection

    async def close(self) -> None:
        if self._connection is not None:
            await self._on_thread(self._connection.close)
            self._connection = None
        self._thread.shutdown(wait=True)

    async def ping(self) -> None:
        await self._read(self._look)

    def _look(self, connection: Connection) -> None:
        connection.execute("select 1").fetchone()
        if not self._path.exists():
            raise Transient(f"{self._path}: the file is gone, and what is written now is lost: bring it back")

    async def receive(
        self, arrivals: Sequence[Arrival], limit: int = 0, *, seconds: float = 0, messages: int = 0
    ) -> tuple[list[Receipt], list[Lease]]:
        def run(connection: Connection) -> tuple[list[Receipt], list[Lease]]:
            receipts, new = sqlite_receive.receive(connection, arrivals)
            return receipts, sqlite_receive.lease(connection, new, limit, seconds=seconds, messages=messages)

        return await self._write(run)

    async def lease(self, limit: int, *, seconds: float, messages: int) -> list[Lease]:
        return await self._write(lambda connection: _lease(connection, limit, seconds, messages), durable=False)

    async def renew(self, leases: Sequence[Lease], *, seconds: float) -> set[Key]:
        def run(connection: Connection) -> set[Key]:
            now = time()
            statement = (
                "update keys set lease_until = ? where tenant = ? and name = ? and epoch = ? and lease_until > 0"
            )
            return {
                lease.key
                for lease in leases
                if not connection.execute(statement, (now + seconds, *lease.key, lease.epoch)).rowcount
            }

        return await self._write(run, durable=False)

    async def commit(
        self, writes: Sequence[Write], *, claim_seconds: float = 0
    ) -> tuple[list[Verdict], list[OutboxRow]]:
        def run(connection: Connection) -> tuple[list[Verdict], list[OutboxRow]]:
            # Without a claim nobody asks what is unsent, and while the broker is away that may be very much.
            unsent = {key for (key,) in connection.execute(_UNSENT_KEYS)} if claim_seconds else None
            verdicts, left = commit_group(connection, writes, time())
            return verdicts, [] if unsent is None else [row for row in left if row.key not in unsent]

        def claim() -> tuple[list[Verdict], list[OutboxRow]]:
            verdicts, claimed = self._transaction(run, "full")
            self._claims.add(claimed, claim_seconds)
            return verdicts, claimed

        return await self._on_thread(claim)

    async def defer(self, deferrals: Sequence[Deferral]) -> None:
        now = time()
        await self._run(
            "update keys set lease_until = 0, not_before = ?, attempts = attempts + ?, error = ?"
            " where tenant = ? and name = ? and epoch = ?",
            [(now + d.delay, int(d.counts), d.error, *d.key, d.epoch) for d in deferrals],
        )

    async def fire_timers(self, limit: int) -> int:
        now = time()
        due = await self._read(lambda c: c.execute("select 1 from timers where due <= ? limit 1", (now,)).fetchone())
        return 0 if due is None else await self._write(lambda connection: _fire(connection, limit, now))

    async def claim(self, limit: int, *, seconds: float) -> list[OutboxRow]:
        return await self._read(lambda connection: self._claims.make(connection, limit, seconds))

    async def mark_sent(self, ids: Sequence[int]) -> None:
        now = time()

        def run(connection: Connection) -> None:
            claimed = self._claims.let_go(ids)
            connection.executemany("update outbox set sent_at = ? where id = ?", [(now, id) for id in claimed])

        await self._write(run, durable=False)

    async def unclaim(self, ids: Sequence[int]) -> None:
        def run(connection: Connection) -> None:
            self._claims.let_go(ids)
            connection.executemany("update outbox set sent_at = null where id = ?", [(id,) for id in ids])

        await self._write(run, durable=False)

    async def publish_again(self) -> int:
        def run(connection: Connection) -> int:
            on_their_way = self._claims.let_all_go()
            return on_their_way + connection.execute(_UNSEND).rowcount

        return await self._write(run)

    async def quarantine(self, letters: Sequence[Letter]) -> None:
        now = time()
        await self._run(
            "insert into letters (tenant, name, event_id, topic, headers, value, reason, at)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            [(x.tenant, x.key, "", x.topic, rows.pack(x.headers), x.value, x.reason, now) for x in letters],
        )

    async def letters(self, *, limit: int) -> list[Letter]:
        statement = "select * from letters order by id desc limit ?"
        return await self._read(lambda c: [_letter(row) for row in c.execute(statement, (limit,)).fetchall()])

    async def letter(self, id: int) -> Letter | None:
        row = await self._read(lambda c: c.execute("select * from letters where id = ?", (id,)).fetchone())
        return None if row is None else _letter(row)

    async def retry(self, ids: Sequence[int]) -> list[Letter]:
        return await self._write(lambda connection: _retry(connection, ids))

    async def prune(self, *, sent_seconds: float, done_seconds: float) -> int:
        now = time()

        def run(connection: Connection) -> int:
            sent = connection.execute(_PRUNE_OUTBOX, (now - sent_seconds,)).rowcount
            return sent + connection.execute(_PRUNE_INBOX, (now - done_seconds,)).rowcount

        return await self._write(run, durable=False)

    async def read(self, key: Key) -> Snapshot | None:
        row = await self._read(lambda connection: connection.execute(_READ, key).fetchone())
        return None if row is None else _snapshot(row)

    async def find(self, *, tenant: str | None, labels: Sequence[str], limit: int) -> list[Snapshot]:
        values = {"tenant": tenant, "any": not labels, "labels": orjson.dumps(list(labels)).decode(), "limit": limit}
        found = await self._read(lambda connection: connection.execute(_FIND, values).fetchall())
        return [_snapshot(row) for row in found]

    async def log(self, key: Key, *, after: int, limit: int) -> list[LogRow]:
        statement = (
            "select sequence, event_id, headers, value from log"
            " where tenant = ? and name = ? and sequence > ? order by sequence limit ?"
        )
        found = await self._read(lambda connection: connection.execute(statement, (*key, after, limit)).fetchall())
        return [LogRow(sequence, event, rows.unpack(headers), value) for sequence, event, headers, value in found]

    async def hold(self, tenant: str, name: str, holder: str) -> None:
        statement = "insert into holds (tenant, hold, holder) values (?, ?, ?) on conflict do nothing"
        await self._run(statement, [(tenant, name, holder)])

    async def unhold(self, tenant: str, name: str, holder: str) -> None:
        statement = "delete from holds where tenant = ? and hold = ? and holder = ?"
        await self._run(statement, [(tenant, name, holder)])

    async def holds(self, *, prefix: str) -> list[tuple[str, str, str]]:
        statement = "select tenant, hold, holder from holds where substr(hold, 1, ?) = ? order by 1, 2"
        return await self._read(lambda c: c.execute(statement, (len(prefix), prefix)).fetchall())

    async def depths(self) -> Depths:
        def run(connection: Connection) -> Depths:
            inbox, oldest = connection.execute(
                "select count(*), min(received_at) from inbox indexed by inbox_pending where state = 0"
            ).fetchone()
            outbox = connection.execute("select count(*) from outbox where sent_at is null").fetchone()[0]
            letters = connection.execute("select count(*) from letters").fetchone()[0]
            return Depths(inbox, outbox, 0.0 if oldest is None else max(0.0, time() - oldest), letters)

        return await self._read(run)

    async def _read(self, run: Callable[[Connection], R]) -> R:
        return await self._on_thread(lambda: run(self._open_connection()))

    async def _run(self, statement: str, values: Sequence[tuple[Any, ...]], *, durable: bool = True) -> None:
        """Run `statement` with each of `values`. Its cursor stays on its thread: freed on another, it spoils others."""

        def run(connection: Connection) -> None:
            connection.executemany(statement, values)

        await self._write(run, durable=durable)

    async def _write(self, run: Callable[[Connection], R], *, durable: bool = True) -> R:
        return await self._on_thread(lambda: self._transaction(run, "full" if durable else "normal"))

    def _transaction(self, run: Callable[[Connection], R], synchronous: str) -> R:
        connection = self._open_connection()
        if synchronous != self._synchronous:
            connection.execute(f"pragma synchronous={synchronous}")
            self._synchronous = synchronous
        connection.execute("begin immediate")
        try:
            result = run(connection)
            connection.execute("commit")
        except BaseException:
            connection.rollback()
            raise
        return result

    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise Transient(f"{self._path}: the store is closed")
        return self._connection

    async def _on_thread(self, run: Callable[[], R]) -> R:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeError) as error:
            raise Invalid(f"{self._path}: cannot be written as it is: {error}") from error
        except (sqlite3.Error, RuntimeError) as error:
            raise Transient(f"{self._path}: {error}") from error


def _let_go_of_what_a_crash_left(connection: Connection) -> None:
    """The file is one process's: leases at its start are those of a process that is gone.

    Should it still be there, its fences fail and its events come twice, which both bear.
    """
    now = time()
    connection.execute("begin immediate")
    connection.execute("update keys set lease_until = 0 where lease_until > ?", (now,))
    connection.execute("commit")


def _lease(connection: Connection, limit: int, seconds: float, messages: int) -> list[Lease]:
    now = time()
    free = connection.execute(_FREE, {"now": now, "limit": limit}).fetchall()
    return [_take(connection, Key(*key), now, seconds, messages) for key in free]


def _take(connection: Connection, key: Key, now: float, seconds: float, messages: int) -> Lease:
    epoch, version, state, label, attempts = connection.execute(
        "insert into keys (tenant, name, epoch, lease_until, updated_at) values (?, ?, 1, ?, ?)"
        " on conflict (tenant, name) do update set epoch = epoch + 1, lease_until = excluded.lease_until"
        " returning epoch, version, state, label, attempts",
        (*key, now + seconds, now),
    ).fetchone()
    pending = connection.execute(
        "select seq, event_id, topic, headers, value from inbox indexed by inbox_pending"
        " where state = 0 and tenant = ? and name = ? order by seq limit ?",
        (*key, messages),
    ).fetchall()
    inbox = tuple(Message(seq, event, topic, rows.unpack(head), value) for seq, event, topic, head, value in pending)
    return Lease(key, epoch, version, state, label, attempts, inbox)


def _fire(connection: Connection, limit: int, now: float) -> int:
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


def _retry(connection: Connection, ids: Sequence[int]) -> list[Letter]:
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


_FREE = """
select tenant, name from (
  select i.tenant, i.name, i.seq from inbox i indexed by inbox_waiting left join keys k using (tenant, name)
  where i.state = 0 and coalesce(k.lease_until, 0) < :now and coalesce(k.not_before, 0) <= :now
  order by i.seq limit 4 * :limit
) group by tenant, name order by min(seq) limit :limit
"""
"""Free keys with the longest waiting messages. Of very many messages of few keys only the oldest are looked at."""
_PRUNE_OUTBOX = """
delete from outbox where id < (
  select coalesce(min(id), 9223372036854775807) from (
    select id from outbox where sent_at is null or sent_at >= ? order by id limit 1
))
"""
_PRUNE_INBOX = """
delete from inbox where state = 1 and seq < (
  select coalesce(min(seq), 9223372036854775807) from (
    select seq from inbox where received_at >= ? order by seq limit 1
))
"""
"""Rows come in by their age, so the first that is young enough ends the search: no index on time is kept."""
_UNSENT_KEYS = "select key from outbox indexed by outbox_unsent where sent_at is null"
_UNSEND = "update outbox set sent_at = null where sent_at is not null"
_READ = (
    "select tenant, name, version, state, label, updated_at, attempts, error from keys where tenant = ? and name = ?"
)
_FIND = (
    "select tenant, name, version, state, label, updated_at, attempts, error from keys"
    " where (:tenant is null or tenant = :tenant) and (:any or label in (select value from json_each(:labels)))"
    " order by updated_at desc limit :limit"
)


def _snapshot(row: tuple[str, str, int, bytes | None, str, float, int, str]) -> Snapshot:
    tenant, name, version, state, label, updated_at, attempts, error = row
    return Snapshot(Key(tenant, name), version, state, label, datetime.fromtimestamp(updated_at, UTC), attempts, error)
