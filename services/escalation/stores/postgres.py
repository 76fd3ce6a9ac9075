"""The table of figures in PostgreSQL, in the service's schema; rows are bound to the tenants a transaction names."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from aivis.errors import Transient
from aivis.failpoints import around
from aivis.migrations.postgres import prepare
from aivis.postgres import AWAY
from services.escalation.ports import Group, Kept, Spread
from services.escalation.stores import statements

_ALL = "*"
_MIGRATIONS = Path(__file__).parent / "migrations/postgres"
_WHERE = "opened_at >= $1 and ($2::text[] is null or tenant = any ($2))"
_SPREAD = (
    "select percentile_cont(array[0.5, 0.9]) within group (order by first_response),"  # noqa: S608 - all ours
    " percentile_cont(array[0.5, 0.9]) within group (order by resolution)"
    " from case_figures where " + _WHERE
)
_SECONDS = 10
"""To connect, and to wait for a connection while all are in use."""


class PostgresFigures:
    """A `FigureStore` in `schema` of the database at `address`."""

    def __init__(self, address: str, *, schema: str) -> None:
        self._address = address
        self._schema = schema
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        async with self._opening:
            if self._pool is None:
                self._pool = await self._connect()

    async def _connect(self) -> Any:
        try:
            pool = await asyncpg.create_pool(
                self._address,
                min_size=1,
                max_size=2,
                timeout=_SECONDS,
                command_timeout=30,
                server_settings={"search_path": self._schema, "application_name": f"{self._schema} figures"},
            )
            await prepare(pool, "figures", _MIGRATIONS, self._schema)
        except (ValueError, *AWAY) as error:
            raise Transient(f"postgresql: {error}: is AIVIS_DATABASE right, and the server running?") from error
        return pool

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()

    async def ping(self) -> None:
        async with self._transaction() as connection:
            await connection.fetchval("select 1")

    async def keep(self, rows: Sequence[Kept]) -> None:
        if not rows:
            return
        places = ", ".join(f"${place + 1}" for place in range(len(statements.COLUMNS)))
        with around("figures.keep"):
            async with self._transaction(sorted({row.tenant for row in rows})) as connection:
                await connection.executemany(statements.KEEP.format(places), [statements.values(row) for row in rows])

    async def latest(self) -> datetime | None:
        async with self._transaction() as connection:
            return statements.moment(await connection.fetchval(statements.LATEST))

    async def groups(self, tenants: Sequence[str] | None, *, since: datetime) -> list[Group]:
        async with self._transaction(tenants) as connection:
            found = await connection.fetch(statements.GROUPS.format(_WHERE), since.timestamp(), tenants)
        return [statements.group(tuple(row)) for row in found]

    async def spread(self, tenants: Sequence[str] | None, *, since: datetime) -> Spread:
        async with self._transaction(tenants) as connection:
            row = await connection.fetchrow(_SPREAD, since.timestamp(), tenants)
        first, resolution = (tuple(found) if found else (None, None) for found in row)
        return Spread(first, resolution)

    @asynccontextmanager
    async def _transaction(self, tenants: Sequence[str] | None = None) -> AsyncIterator[Any]:
        """A transaction that may touch the rows of `tenants` (None: all) and no others."""
        await self.open()
        try:
            async with self._pool.acquire(timeout=_SECONDS) as connection, connection.transaction():
                named = _ALL if tenants is None else ",".join(tenants)
                await connection.execute("select set_config('aivis.tenants', $1, true)", named)
                yield connection
        except AWAY as error:
            raise Transient(f"postgresql: {type(error).__name__}: {error}") from error
