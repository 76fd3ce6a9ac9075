"""The table of figures in a SQLite file of its own, on a thread of its own."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from aivis.errors import Transient
from aivis.failpoints import around
from aivis.migrations.sqlite import opened
from services.escalation.ports import Group, Kept, Spread
from services.escalation.stores import statements

_MIGRATIONS = Path(__file__).parent / "migrations/sqlite"
R = TypeVar("R")


class SqliteFigures:
    """A `FigureStore` in the file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="figures")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        await self._run(lambda connection: None)

    async def close(self) -> None:
        if self._connection is not None:
            await self._run(lambda connection: connection.close())
            self._connection = None
        self._thread.shutdown(wait=True)

    async def ping(self) -> None:
        await self._run(lambda connection: connection.execute("select 1").fetchone())

    async def keep(self, rows: Sequence[Kept]) -> None:
        if not rows:
            return
        statement = statements.KEEP.format(", ".join("?" * len(statements.COLUMNS)))

        def run(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("begin immediate")
                connection.executemany(statement, [statements.values(row) for row in rows])

        with around("figures.keep"):
            await self._run(run)

    async def latest(self) -> datetime | None:
        found = await self._run(lambda connection: connection.execute(statements.LATEST).fetchone()[0])
        return statements.moment(found)

    async def groups(self, tenants: Sequence[str] | None, *, since: datetime) -> list[Group]:
        where, given = _where(tenants, since)
        statement = statements.GROUPS.format(where)
        found = await self._run(lambda connection: connection.execute(statement, given).fetchall())
        return [statements.group(row) for row in found]

    async def spread(self, tenants: Sequence[str] | None, *, since: datetime) -> Spread:
        where, given = _where(tenants, since)

        def percentiles(connection: sqlite3.Connection, column: str) -> tuple[float | None, float | None]:
            known = f"from case_figures where {where} and {column} is not null"
            count: int = connection.execute(f"select count(*) {known}", given).fetchone()[0]
            if not count:
                return None, None
            order = f"select {column} {known} order by 1 limit 2 offset ?"

            def percentile(share: float) -> float:
                """Between its neighbours where it falls between two, as PostgreSQL has it."""
                place = share * (count - 1)
                found: list[float] = [row[0] for row in connection.execute(order, (*given, int(place)))]
                return found[0] + place % 1 * (found[-1] - found[0])

            return percentile(0.5), percentile(0.9)

        return await self._run(
            lambda connection: Spread(percentiles(connection, "first_response"), percentiles(connection, "resolution"))
        )

    async def _run(self, run: Callable[[sqlite3.Connection], R]) -> R:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: run(self._opened()))
        except (sqlite3.OperationalError, RuntimeError) as error:
            raise Transient(f"{self._path}: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = opened(self._path, "figures", _MIGRATIONS)
        return self._connection


def _where(tenants: Sequence[str] | None, since: datetime) -> tuple[str, list[str | float]]:
    where, given = "opened_at >= ?", [since.timestamp()]
    if tenants is None:
        return where, [*given]
    return f"{where} and tenant in ({', '.join('?' * len(tenants))})", [*given, *tenants]
