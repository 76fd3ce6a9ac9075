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
from typing import TypeVar

import orjson

from aivis.errors import Invalid, Transient
from aivis.failpoints import reach
from aivis.mailbox.stores import rows
from aivis.mailbox.stores.sqlite import holds, leasing, receiving, timers
from aivis.mailbox.stores.sqlite.claims import Claims
from aivis.mailbox.stores.sqlite.committing import commit_group
from aivis.mailbox.stores.sqlite.letters import SqliteLetters
from aivis.mailbox.stores.sqlite.past import SqlitePast
from aivis.mailbox.values import (
    ANY_ROOM,
    Arrival,
    Deferral,
    Depths,
    Key,
    Lease,
    LogRow,
    OutboxRow,
    Receipt,
    Rooms,
    Snapshot,
    Verdict,
    Window,
    Write,
)
from aivis.migrations.sqlite import opened

R = TypeVar("R")
Connection = sqlite3.Connection

_MIGRATIONS = Path(__file__).parent / "migrations"


class SqliteStore(SqliteLetters, SqlitePast):
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
        connection = opened(self._path, "mailbox", _MIGRATIONS)
        connection.execute("pragma wal_autocheckpoint=4000")
        connection.execute("pragma cache_size=-4000")
        leasing.let_go_of_what_a_crash_left(connection)
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
        self,
        arrivals: Sequence[Arrival],
        limit: int = 0,
        *,
        seconds: float = 0,
        messages: int = 0,
        rooms: Rooms = ANY_ROOM,
    ) -> tuple[list[Receipt], list[Lease]]:
        def run(connection: Connection) -> tuple[list[Receipt], list[Lease]]:
            receipts, new = receiving.receive(connection, arrivals)
            leasable = receiving.with_room(new, limit, rooms)
            return receipts, receiving.lease(connection, leasable, seconds=seconds, messages=messages)

        return await self._write("store.receive", run)

    async def lease(self, limit: int, *, seconds: float, messages: int, rooms: Rooms = ANY_ROOM) -> list[Lease]:
        return await self._write(
            "store.lease",
            lambda connection: leasing.lease(connection, limit, seconds=seconds, messages=messages, rooms=rooms),
            durable=False,
        )

    async def renew(self, leases: Sequence[Lease], *, seconds: float) -> set[Key]:
        return await self._write(
            "store.renew", lambda connection: leasing.renew(connection, leases, seconds), durable=False
        )

    async def commit(
        self, writes: Sequence[Write], *, claim_seconds: float = 0
    ) -> tuple[list[Verdict], list[OutboxRow]]:
        def run(connection: Connection) -> tuple[list[Verdict], list[OutboxRow]]:
            # Without a claim nobody asks what is unsent, and while the broker is away that may be very much.
            unsent = {key for (key,) in connection.execute(_UNSENT_KEYS)} if claim_seconds else None
            verdicts, left = commit_group(connection, writes, time())
            return verdicts, [] if unsent is None else [row for row in left if row.key not in unsent]

        def claim() -> tuple[list[Verdict], list[OutboxRow]]:
            verdicts, claimed = self._transaction("store.commit", run, "full")
            self._claims.add(claimed, claim_seconds)
            return verdicts, claimed

        return await self._on_thread(claim)

    async def defer(self, deferrals: Sequence[Deferral]) -> None:
        await self._write("store.defer", lambda connection: leasing.defer(connection, deferrals))

    async def fire_timers(self, limit: int) -> int:
        if not await self._read(timers.any_due):
            return 0
        return await self._write("store.fire_timers", lambda connection: timers.fire(connection, limit))

    async def claim(self, limit: int, *, seconds: float) -> list[OutboxRow]:
        return await self._read(lambda connection: self._claims.make(connection, limit, seconds))

    async def mark_sent(self, ids: Sequence[int]) -> None:
        now = time()

        def run(connection: Connection) -> None:
            claimed = self._claims.let_go(ids)
            connection.executemany("update outbox set sent_at = ? where id = ?", [(now, id) for id in claimed])

        await self._write("store.mark_sent", run, durable=False)

    async def unclaim(self, ids: Sequence[int]) -> None:
        def run(connection: Connection) -> None:
            self._claims.let_go(ids)
            connection.executemany("update outbox set sent_at = null where id = ?", [(id,) for id in ids])

        await self._write("store.unclaim", run, durable=False)

    async def publish_again(self) -> int:
        def run(connection: Connection) -> int:
            on_their_way = self._claims.let_all_go()
            connection.execute("delete from positions")
            return on_their_way + connection.execute(_UNSEND).rowcount

        return await self._write("store.publish_again", run)

    async def prune(self, *, sent_seconds: float, done_seconds: float) -> int:
        now = time()

        def run(connection: Connection) -> int:
            sent = connection.execute(_PRUNE_OUTBOX, (now - sent_seconds,)).rowcount
            connection.execute("delete from windows where ends < ?", (now - done_seconds,))
            return sent + connection.execute(_PRUNE_INBOX, (now - done_seconds,)).rowcount

        return await self._write("store.prune", run, durable=False)

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
        await self._write("store.hold", lambda connection: holds.hold(connection, tenant, name, holder))

    async def unhold(self, tenant: str, name: str, holder: str) -> None:
        await self._write("store.unhold", lambda connection: holds.unhold(connection, tenant, name, holder))

    async def holds(self, *, prefix: str) -> list[tuple[str, str, str]]:
        return await self._read(lambda connection: holds.held(connection, prefix))

    async def hold_for(self, window: Window) -> Window | None:
        return await self._write("store.hold_for", lambda connection: holds.hold_for(connection, window))

    async def end_window(self, tenant: str, id: str) -> bool:
        return await self._write("store.end_window", lambda connection: holds.end_window(connection, tenant, id))

    async def windows(self, *, prefix: str) -> list[Window]:
        return await self._read(lambda connection: holds.windows(connection, prefix))

    async def depths(self) -> Depths:
        def run(connection: Connection) -> Depths:
            tenants = {tenant: (count, first) for tenant, count, first in connection.execute(_WAITING)}
            oldest = min([first for _, first in tenants.values()], default=None)
            waiting = {tenant: count for tenant, (count, _) in tenants.items()}
            outbox = connection.execute("select count(*) from outbox where sent_at is null").fetchone()[0]
            letters, quarantined = connection.execute(
                "select count(*), coalesce(sum(event_id = ''), 0) from letters"
            ).fetchone()
            now = time()
            age = 0.0 if oldest is None else max(0.0, now - oldest)
            at = datetime.fromtimestamp(now, UTC)
            return Depths(sum(waiting.values()), outbox, age, letters, quarantined, at, waiting)

        return await self._read(run)

    async def timers_set(self, name: str) -> dict[str, int]:
        statement = "select tenant, count(*) from timers where timer = ? group by tenant"
        return await self._read(lambda connection: dict(connection.execute(statement, (name,)).fetchall()))

    async def _read(self, run: Callable[[Connection], R]) -> R:
        return await self._on_thread(lambda: run(self._open_connection()))

    async def _write(self, point: str, run: Callable[[Connection], R], *, durable: bool = True) -> R:
        return await self._on_thread(lambda: self._transaction(point, run, "full" if durable else "normal"))

    def _transaction(self, point: str, run: Callable[[Connection], R], synchronous: str) -> R:
        """What `run` gives, committed; the commit is the failpoint `point`."""
        connection = self._open_connection()
        if synchronous != self._synchronous:
            connection.execute(f"pragma synchronous={synchronous}")
            self._synchronous = synchronous
        connection.execute("begin immediate")
        try:
            result = run(connection)
            reach(f"{point}.before")
            connection.execute("commit")
        except BaseException:
            connection.rollback()
            raise
        reach(f"{point}.after")
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
_WAITING = (
    "select tenant, count(*), min(received_at) from inbox indexed by inbox_of_tenant where state = 0 group by tenant"
)
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
