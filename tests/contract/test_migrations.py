"""One suite holds both databases to the same migrations; PostgreSQL where AIVIS_TEST_POSTGRES names one."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest

from aivis.errors import AivisError, Invalid, Refused
from aivis.mailbox.ports import Store
from aivis.mailbox.stores.postgres.store import PostgresStore
from aivis.mailbox.stores.sqlite.store import SqliteStore
from aivis.mailbox.values import Arrival, Key
from aivis.migrations import postgres, sqlite
from aivis.migrations.numbered import read
from services.escalation.stores.postgres import PostgresFigures
from services.escalation.stores.sqlite import SqliteFigures

POSTGRES = os.environ.get("AIVIS_TEST_POSTGRES", "")
OF_THE_MAILBOX = [
    (migration.number, migration.file.name)
    for migration in read(Path(sqlite.__file__).parents[1] / "mailbox" / "stores" / "sqlite" / "migrations")
]
"""PostgreSQL's have the same names."""
BASELINE = "create table a (x integer not null);\ncreate index a_x on a (x);\n"
MORE = "-- a column more\nalter table a add column y text not null default 'as before';\n"


class Database(Protocol):
    """A database with nothing in it, as the suite uses one."""

    async def migrate(self, folder: Path, store: str = "shop") -> list[int]: ...

    async def run(self, statement: str) -> list[tuple[Any, ...]]: ...

    def mailbox(self) -> Store: ...

    def figures(self) -> SqliteFigures | PostgresFigures: ...

    def opening(self) -> str:
        """Python that makes the mailbox in `store`, to be run by another process."""
        ...


class File:
    def __init__(self, path: Path) -> None:
        self._path = path

    async def migrate(self, folder: Path, store: str = "shop") -> list[int]:
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            return [each.number for each in sqlite.migrate(connection, store, folder, self._path)]
        finally:
            connection.close()

    async def run(self, statement: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    def mailbox(self) -> Store:
        return SqliteStore(self._path)

    def figures(self) -> SqliteFigures:
        return SqliteFigures(self._path)

    def opening(self) -> str:
        return (
            "import pathlib; from aivis.mailbox.stores.sqlite.store import SqliteStore\n"
            f"store = SqliteStore(pathlib.Path({str(self._path)!r}))\n"
        )


class Schema:
    def __init__(self, name: str) -> None:
        self.name = name

    async def connect(self) -> Any:
        import asyncpg

        return await asyncpg.connect(POSTGRES, server_settings={"search_path": self.name})

    async def migrate(self, folder: Path, store: str = "shop") -> list[int]:
        connection = await self.connect()
        try:
            return [each.number for each in await postgres.migrate(connection, store, folder, self.name)]
        finally:
            await connection.close()

    async def run(self, statement: str) -> list[tuple[Any, ...]]:
        connection = await self.connect()
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    def mailbox(self) -> Store:
        return PostgresStore(POSTGRES, schema=self.name)

    def figures(self) -> PostgresFigures:
        return PostgresFigures(POSTGRES, schema=self.name)

    def opening(self) -> str:
        return (
            "from aivis.mailbox.stores.postgres.store import PostgresStore\n"
            f"store = PostgresStore({POSTGRES!r}, schema={self.name!r})\n"
        )


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        yield File(tmp_path / "a.db")
        return
    if not POSTGRES:
        pytest.skip("AIVIS_TEST_POSTGRES names no server: `make test-real`")
    schema = Schema(f"test_{uuid4().hex[:12]}")
    yield schema
    await schema.run(f'drop schema if exists "{schema.name}" cascade')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    made.mkdir()
    return written(made, BASELINE)


def written(folder: Path, *migrations: str) -> Path:
    for number, sql in enumerate(migrations, 1):
        (folder / f"{number:04}_step.sql").write_text(sql)
    return folder


async def recorded(database: Database, store: str = "shop") -> list[tuple[int, str]]:
    rows = await database.run(f"select number, name, sha256, at from migrations where store = '{store}' order by 1")
    assert all(len(sha256) == 64 and at for _, _, sha256, at in rows)
    return [(number, name) for number, name, _, _ in rows]


async def test_a_fresh_database_gets_every_migration_with_its_record(database: Database, folder: Path) -> None:
    assert await database.migrate(written(folder, BASELINE, MORE)) == [1, 2]
    assert await recorded(database) == [(1, "0001_step.sql"), (2, "0002_step.sql")]


async def test_a_database_that_has_them_all_is_left_alone(database: Database, folder: Path) -> None:
    await database.migrate(folder)
    assert await database.migrate(folder) == []
    assert await recorded(database) == [(1, "0001_step.sql")]


async def test_rows_from_before_a_migration_are_there_behind_it(database: Database, folder: Path) -> None:
    await database.migrate(folder)
    await database.run("insert into a (x) values (7)")
    assert await database.migrate(written(folder, BASELINE, MORE)) == [2]
    assert await database.run("select x, y from a") == [(7, "as before")]


async def test_the_previous_version_starts_beside_and_works_on(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    newer = tmp_path / "newer"
    newer.mkdir()
    await database.migrate(written(newer, BASELINE, MORE))

    assert await database.migrate(folder) == []
    await database.run("insert into a (x) values (7)")
    assert len(await recorded(database)) == 2


async def test_a_version_from_before_what_was_taken_away_is_refused(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    newer = tmp_path / "newer"
    newer.mkdir()
    contract = "-- contract: a.x since 0002 (y says it)\ndrop index a_x;\nalter table a drop column x;\n"
    await database.migrate(written(newer, BASELINE, MORE, contract))

    with pytest.raises(Refused, match=r"has had 0003_step\.sql, which takes away .* start a version that knows 0002"):
        await database.migrate(folder)


async def test_a_migration_that_was_edited_is_refused(database: Database, folder: Path) -> None:
    await database.migrate(folder)
    written(folder, BASELINE + "-- an afterthought\n")
    with pytest.raises(Refused, match=r"another 0001_step\.sql than .*0001_step\.sql .*put the file back as it was"):
        await database.migrate(folder)


async def test_a_migration_that_fails_half_way_leaves_nothing(database: Database, folder: Path) -> None:
    await database.migrate(folder)
    written(
        folder, BASELINE, "create table b (x integer);\ninsert into nowhere values (1);\n", "create table c (x int);"
    )
    with pytest.raises(Refused, match=r"0002_step\.sql cannot be run, and changed nothing: .*nowhere"):
        await database.migrate(folder)

    assert await recorded(database) == [(1, "0001_step.sql")]
    await database.run("create table b (x integer)")


@pytest.mark.parametrize(("point", "had"), [("migrations.run.before", 0), ("migrations.run.after", 1)])
async def test_a_process_killed_at_the_commit_leaves_a_migration_whole_or_absent(
    database: Database, point: str, had: int
) -> None:
    run = database.opening() + "import asyncio; asyncio.run(store.open())"
    armed = {**os.environ, "AIVIS_TEST_FAILPOINTS": f"{point}=kill"}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", run, env=armed)
    assert await process.wait() == -signal.SIGKILL

    found = await _count(database)
    assert found == had
    store = database.mailbox()
    await store.open()
    await store.ping()
    await store.close()
    assert await _count(database) == len(OF_THE_MAILBOX)


async def _count(database: Database) -> int:
    """How many migrations are on record, in a place where there may be no record at all."""
    tables = "sqlite_schema" if isinstance(database, File) else "pg_tables where schemaname = current_schema()"
    name = "name" if isinstance(database, File) else "tablename"
    if ("migrations",) not in await database.run(f"select {name} from {tables}"):
        return 0
    return len(await database.run("select number from migrations"))


async def test_two_stores_in_one_place_have_migrations_of_their_own(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    written(other, "create table other (x integer);")
    await database.migrate(folder, "shop")
    assert await database.migrate(other, "stock") == [1]
    assert len(await recorded(database, "shop")) == len(await recorded(database, "stock")) == 1


async def test_a_mailbox_from_before_migrations_is_refused_at_once_and_again(database: Database) -> None:
    """What `create table if not exists` left half used: an inbox without its digests."""
    if isinstance(database, Schema):
        await database.run(f'create schema "{database.name}"')
    await database.run("create table inbox (seq integer, event_id text, value text)")
    store = database.mailbox()
    for _ in range(2):
        with pytest.raises(Refused, match=r"has the table inbox, and no record .* do without what is in it, "):
            await store.open()
        with pytest.raises(AivisError):
            await store.receive([Arrival("1", Key("acme", "a"), "topic", (), b"{}")])
    await store.close()


async def test_figures_from_before_migrations_are_refused(database: Database) -> None:
    if isinstance(database, Schema):
        await database.run(f'create schema "{database.name}"')
    await database.run("create table case_figures (tenant text)")
    figures = database.figures()
    with pytest.raises(Refused, match="has the table case_figures, and no record"):
        await figures.open()
    await figures.close()


async def test_the_mailbox_and_the_figures_open_in_one_place_in_either_order(database: Database) -> None:
    figures, mailbox = database.figures(), database.mailbox()
    await figures.open()
    await mailbox.open()
    await figures.close()
    await mailbox.close()
    assert await recorded(database, "mailbox") == OF_THE_MAILBOX
    assert await recorded(database, "figures") == [(1, "0001_baseline.sql")]


async def test_a_statement_without_an_end_is_refused_by_sqlite_s_runner(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(Invalid, match=r"0001_step\.sql: the last statement has no end"):
        await File(tmp_path / "a.db").migrate(
            written(folder, "create table a (x integer);\ncreate table b (x integer)")
        )


async def test_a_full_disk_is_no_fault_of_the_migration_and_it_is_run_once_there_is_room(
    tmp_path: Path, folder: Path
) -> None:
    file = File(tmp_path / "a.db")
    await file.migrate(folder)
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    connection.execute("pragma max_page_count = 1")
    written(folder, BASELINE, "create table b (x integer);\n")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        sqlite.migrate(connection, "shop", folder, tmp_path / "a.db")
    connection.close()
    assert await file.migrate(folder) == [2]


needs_postgres = pytest.mark.skipif(not POSTGRES, reason="AIVIS_TEST_POSTGRES names no server: `make test-real`")


@pytest.fixture
async def schema() -> AsyncIterator[Schema]:
    made = Schema(f"test_{uuid4().hex[:12]}")
    yield made
    await made.run(f'drop schema if exists "{made.name}" cascade')


async def close(stores: Sequence[PostgresStore]) -> None:
    for store in stores:
        await store.close()


@needs_postgres
async def test_ten_stores_open_one_fresh_schema_at_once_and_each_migration_runs_once(schema: Schema) -> None:
    stores = [PostgresStore(POSTGRES, schema=schema.name, connections=1) for _ in range(10)]
    await asyncio.gather(*(store.open() for store in stores))
    receipts = await asyncio.gather(
        *(store.receive([Arrival(str(n), Key("acme", "a"), "topic", (), b"{}")]) for n, store in enumerate(stores))
    )
    await close(stores)
    assert len(receipts) == 10
    assert await recorded(schema, "mailbox") == OF_THE_MAILBOX


@needs_postgres
async def test_ten_runners_at_once_run_each_of_several_migrations_once(schema: Schema, folder: Path) -> None:
    counted = "create table runs (n integer);\n", *("insert into runs values (1);\n" for _ in range(4))
    runs = await asyncio.gather(*(schema.migrate(written(folder, *counted)) for _ in range(10)))
    assert sorted(number for run in runs for number in run) == [1, 2, 3, 4, 5]
    assert await schema.run("select count(*) from runs") == [(4,)]


@needs_postgres
async def test_a_migration_asks_shortly_for_a_table_in_use_since_all_others_wait_behind_it(
    schema: Schema, folder: Path
) -> None:
    import asyncpg

    await schema.migrate(folder)
    reader = await schema.connect()
    try:
        async with reader.transaction():
            await reader.execute("lock table a in access share mode")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await asyncio.wait_for(schema.migrate(written(folder, BASELINE, MORE)), 10)
    finally:
        await reader.close()
    assert await schema.migrate(folder) == [2]
