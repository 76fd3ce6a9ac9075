"""The mailbox's store on PostgreSQL: one schema per service, any number of processes.

Row-level security binds every transaction to the tenants it names; it needs a role that is no superuser. Transactions
that may be lost in a crash without losing a message (leases, claims, sent marks) do not wait for the disk.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg

from aivis.errors import Invalid, Transient
from aivis.failpoints import reach
from aivis.mailbox.stores import rows
from aivis.mailbox.stores.postgres import holds, leasing, pruning, receiving
from aivis.mailbox.stores.postgres.arrays import array
from aivis.mailbox.stores.postgres.committing import Connection, commit_group
from aivis.mailbox.stores.postgres.depths import PostgresDepths
from aivis.mailbox.stores.postgres.letters import PostgresLetters
from aivis.mailbox.stores.postgres.part import ALL
from aivis.mailbox.stores.postgres.past import PostgresPast
from aivis.mailbox.values import (
    ANY_ROOM,
    Arrival,
    Deferral,
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
from aivis.migrations.postgres import prepare
from aivis.postgres import AWAY

_MIGRATIONS = Path(__file__).parent / "migrations"
_SECONDS = 10
"""To connect, and to wait for a connection while all are in use."""
_REFUSED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)


class PostgresStore(PostgresDepths, PostgresLetters, PostgresPast):
    """A `Store` in `schema` of the database at `address`."""

    def __init__(self, address: str, *, schema: str, connections: int = 4) -> None:
        self._address = address
        self._schema = schema
        self._connections = connections
        self._pool: Any = None

    async def open(self) -> None:
        if self._pool is None:
            self._pool = await self._connect()

    async def _connect(self) -> Any:
        """A pool on the schema, whose tables have had every migration."""
        try:
            pool = await asyncpg.create_pool(
                self._address,
                min_size=1,
                max_size=self._connections,
                timeout=_SECONDS,
                command_timeout=30,
                reset=_nothing_to_reset,
                server_settings={"search_path": self._schema, "application_name": self._schema},
            )
            await prepare(pool, "mailbox", _MIGRATIONS, self._schema)
        except (ValueError, *AWAY) as error:
            raise Transient(f"postgresql: {error}: is AIVIS_DATABASE right, and the server running?") from error
        return pool

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), 5)
            except TimeoutError:
                pool.terminate()

    async def ping(self) -> None:
        async with self._bound([ALL]) as connection:
            await connection.fetchval("select 1")

    async def receive(
        self,
        arrivals: Sequence[Arrival],
        limit: int = 0,
        *,
        seconds: float = 0,
        messages: int = 0,
        rooms: Rooms = ANY_ROOM,
    ) -> tuple[list[Receipt], list[Lease]]:
        if not arrivals:
            return [], []
        async with self._transaction("store.receive", {arrival.key.tenant for arrival in arrivals}) as connection:
            placed = await receiving.receive(connection, arrivals, limit, seconds=seconds, rooms=rooms)
            receipts = await receiving.receipts(connection, arrivals, placed)
        return receipts, receiving.leases(arrivals, placed, messages)

    async def lease(self, limit: int, *, seconds: float, messages: int, rooms: Rooms = ANY_ROOM) -> list[Lease]:
        async with self._transaction("store.lease", [ALL], durable=False) as connection:
            return await leasing.lease(connection, limit, seconds=seconds, messages=messages, rooms=rooms)

    async def renew(self, leases: Sequence[Lease], *, seconds: float) -> set[Key]:
        async with self._transaction("store.renew", [ALL], durable=False) as connection:
            return await leasing.renew(connection, leases, seconds=seconds)

    async def commit(
        self, writes: Sequence[Write], *, claim_seconds: float = 0
    ) -> tuple[list[Verdict], list[OutboxRow]]:
        async with self._transaction("store.commit", {write.key.tenant for write in writes}) as connection:
            return await commit_group(connection, writes, claim_seconds=claim_seconds)

    async def defer(self, deferrals: Sequence[Deferral]) -> None:
        async with self._transaction("store.defer", {deferral.key.tenant for deferral in deferrals}) as connection:
            await leasing.defer(connection, deferrals)

    async def fire_timers(self, limit: int) -> int:
        async with self._transaction("store.fire_timers", [ALL]) as connection:
            due = await connection.fetch(
                "delete from timers where (tenant, name, timer) in (select tenant, name, timer from timers"
                " where due <= now() order by due limit $1 for update skip locked)"
                " returning tenant, name, event_id, headers, value",
                limit,
            )
            await connection.executemany(
                "insert into inbox (tenant, name, event_id, topic, headers, value)"
                " values ($1, $2, $3, '', $4, $5) on conflict do nothing",
                [tuple(row) for row in due],
            )
        return len(due)

    async def claim(self, limit: int, *, seconds: float) -> list[OutboxRow]:
        async with self._transaction("store.claim", [ALL], durable=False) as connection:
            if not await connection.fetchval("select exists (select 1 from outbox where sent_at is null)"):
                return []
            # Claims of several publishers are made one after the other, so that each sees the others' whole.
            await connection.execute("select pg_advisory_xact_lock(hashtext($1))", self._schema + ".outbox")
            found = await connection.fetch(_CLAIM, limit, timedelta(seconds=seconds))
        found.sort(key=lambda row: row["id"])
        return [
            OutboxRow(id, event, topic, key, rows.unpack(head), value) for id, event, topic, key, head, value in found
        ]

    async def mark_sent(self, ids: Sequence[int]) -> None:
        statement = (
            "update outbox set sent_at = now(), claimed_until = '-infinity'"
            " where id = any($1::text::bigint[]) and claimed_until > '-infinity'"
        )
        async with self._transaction("store.mark_sent", [ALL], durable=False) as connection:
            await connection.execute(statement, array(ids))

    async def unclaim(self, ids: Sequence[int]) -> None:
        statement = "update outbox set claimed_until = '-infinity', sent_at = null where id = any($1::bigint[])"
        async with self._transaction("store.unclaim", [ALL], durable=False) as connection:
            await connection.execute(statement, list(ids))

    async def publish_again(self) -> int:
        statement = (
            "update outbox set sent_at = null, claimed_until = '-infinity'"
            " where sent_at is not null or claimed_until > '-infinity'"
        )
        async with self._transaction("store.publish_again", [ALL]) as connection:
            await connection.execute("delete from positions")
            return int((await connection.execute(statement)).split()[-1])

    async def prune(self, *, sent_seconds: float, done_seconds: float) -> int:
        sent, done = timedelta(seconds=sent_seconds), timedelta(seconds=done_seconds)
        async with self._transaction("store.prune", [ALL], durable=False) as connection:
            return await pruning.prune(connection, sent=sent, done=done)

    async def read(self, key: Key) -> Snapshot | None:
        async with self._bound([key.tenant]) as connection:
            row = await connection.fetchrow(_READ, *key)
        return None if row is None else _snapshot(row)

    async def find(self, *, tenant: str | None, labels: Sequence[str], limit: int) -> list[Snapshot]:
        async with self._bound([ALL if tenant is None else tenant]) as connection:
            found = await connection.fetch(_FIND, tenant, list(labels), limit)
        return [_snapshot(row) for row in found]

    async def log(self, key: Key, *, after: int, limit: int) -> list[LogRow]:
        async with self._bound([key.tenant]) as connection:
            found = await connection.fetch(
                "select sequence, event_id, headers, value from log"
                " where tenant = $1 and name = $2 and sequence > $3 order by sequence limit $4",
                *key,
                after,
                limit,
            )
        return [LogRow(sequence, event, rows.unpack(headers), value) for sequence, event, headers, value in found]

    async def hold(self, tenant: str, name: str, holder: str) -> None:
        async with self._transaction("store.hold", [tenant]) as connection:
            await holds.hold(connection, tenant, name, holder)

    async def unhold(self, tenant: str, name: str, holder: str) -> None:
        async with self._transaction("store.unhold", [tenant]) as connection:
            await holds.unhold(connection, tenant, name, holder)

    async def holds(self, *, prefix: str) -> list[tuple[str, str, str]]:
        async with self._bound([ALL]) as connection:
            return await holds.held(connection, prefix)

    async def hold_for(self, window: Window) -> Window | None:
        async with self._transaction("store.hold_for", [window.tenant]) as connection:
            return await holds.hold_for(connection, window)

    async def end_window(self, tenant: str, id: str) -> bool:
        async with self._transaction("store.end_window", [tenant]) as connection:
            return await holds.end_window(connection, tenant, id)

    async def windows(self, *, prefix: str) -> list[Window]:
        async with self._bound([ALL]) as connection:
            return await holds.windows(connection, prefix)

    @asynccontextmanager
    async def _transaction(
        self, point: str, tenants: Iterable[str], *, durable: bool = True
    ) -> AsyncIterator[Connection]:
        """A transaction that changes rows of `tenants`; its commit is the failpoint `point`."""
        async with self._bound(tenants, durable=durable) as connection:
            yield connection
            reach(f"{point}.before")
        reach(f"{point}.after")

    @asynccontextmanager
    async def _bound(self, tenants: Iterable[str], *, durable: bool = True) -> AsyncIterator[Connection]:
        """A transaction that may touch the rows of `tenants` and no others."""
        if self._pool is None:
            raise Transient("postgresql: not connected")
        named = sorted(tenants)
        if any("," in tenant for tenant in named):
            raise Invalid(f"tenant {named!r}: a tenant's name has no comma")
        try:
            async with self._pool.acquire(timeout=_SECONDS) as connection, connection.transaction():
                await connection.execute(
                    "select set_config('aivis.tenants', $1, true), set_config('synchronous_commit', $2, true)",
                    ",".join(named),
                    "on" if durable else "off",
                )
                yield connection
        except _REFUSED as error:
            raise Invalid(f"postgresql: cannot be written as it is: {type(error).__name__}: {error}") from error
        except AWAY as error:
            raise Transient(f"postgresql: {type(error).__name__}: {error}") from error


async def _nothing_to_reset(connection: Connection) -> None:
    """A connection comes back as it went: whatever is set is set for a transaction, and ends with it."""


def _snapshot(row: Any) -> Snapshot:
    return Snapshot(Key(row["tenant"], row["name"]), row["version"], row["state"], row["label"], row["updated_at"],
                    row["attempts"], row["error"])  # fmt: skip


_READ = (
    "select tenant, name, version, state, label, attempts, error, updated_at from keys where tenant = $1 and name = $2"
)
_FIND = (
    "select tenant, name, version, state, label, attempts, error, updated_at from keys"
    " where ($1::text is null or tenant = $1) and (cardinality($2::text[]) = 0 or label = any($2))"
    " order by updated_at desc limit $3"
)
_CLAIM = """
with recursive waiting as (
  (select tenant from outbox where sent_at is null order by tenant limit 1)
  union all
  select (select u.tenant from outbox u where u.sent_at is null and u.tenant > w.tenant order by u.tenant limit 1)
  from waiting w where w.tenant is not null
), chosen as (
  select f.id from waiting w cross join lateral (
    select id, row_number() over (order by id) as place from (
      select id from outbox c where c.sent_at is null and c.tenant = w.tenant and c.claimed_until < now()
      and not exists (select 1 from outbox e where e.key = c.key and e.id < c.id
                      and e.sent_at is null and e.claimed_until >= now())
      order by id limit $1
    ) of_tenant
  ) f order by f.place, f.id limit $1
)
update outbox o set claimed_until = now() + $2 from chosen c where o.id = c.id
returning o.id, o.event_id, o.topic, o.key, o.headers, o.value
"""
