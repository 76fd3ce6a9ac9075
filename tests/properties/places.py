"""Where the machines' stores are: a file of SQLite, a schema of PostgreSQL."""

import shutil
from pathlib import Path
from uuid import uuid4

import asyncpg

from aivis.mailbox.ports import Store
from aivis.mailbox.stores.postgres.store import PostgresStore
from aivis.mailbox.stores.sqlite.store import SqliteStore


def in_memory() -> str | None:
    """A folder in memory, where there is one: how a disk forgets is not what is tried here."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


class Files:
    """A file an example, copied from one that has had its migrations."""

    one_process = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    async def prepare(self) -> None:
        store = SqliteStore(self._folder / "new.db")
        await store.open()
        await store.close()

    def store(self) -> Store:
        return SqliteStore(self._folder / f"{self._count}.db")

    async def abandon(self, store: Store) -> None:
        await store.close()  # a lock that a dead process held is gone with it

    async def empty(self) -> None:
        self._count += 1
        shutil.copyfile(self._folder / "new.db", self._folder / f"{self._count}.db")


class Schema:
    """A schema that is emptied before every example, and dropped in the end."""

    one_process = False
    _TABLES = ("inbox", "keys", "outbox", "timers", "log", "holds", "windows", "letters")

    def __init__(self, address: str) -> None:
        self._address = address
        self._name = f"test_{uuid4().hex[:12]}"

    async def prepare(self) -> None:
        store = self.store()
        await store.open()
        await store.close()

    def store(self) -> Store:
        return PostgresStore(self._address, schema=self._name, connections=2)

    async def abandon(self, store: Store) -> None:
        assert isinstance(store, PostgresStore)
        store._pool.terminate()
        store._pool = None

    async def empty(self) -> None:
        await self._execute(*[f'delete from "{self._name}".{table}' for table in self._TABLES])

    async def drop(self) -> None:
        await self._execute(f'drop schema if exists "{self._name}" cascade')

    async def _execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self._address)
        try:
            await connection.execute("select set_config('aivis.tenants', '*', false)")
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()
