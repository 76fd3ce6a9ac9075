"""The mailbox on a real PostgreSQL, while it, the handler and the broker fail."""

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from aivis.errors import Transient
from aivis.mailbox.insisting import until_answered
from aivis.mailbox.stores.postgres.committing import Connection
from aivis.mailbox.stores.postgres.store import PostgresStore
from chaos.wire import wired
from tests.integration.aivis.mailbox.schedule import survives
from tests.integration.aivis.mailbox.stand import Faults

POSTGRES = os.environ.get("AIVIS_TEST_POSTGRES", "")
pytestmark = pytest.mark.skipif(not POSTGRES, reason="AIVIS_TEST_POSTGRES names no server: `make test-real`")

_ENDINGS = 20


class FaultyPostgres(PostgresStore):
    """A real store whose every transaction may not happen, or happen without a word."""

    def __init__(self, schema: str, faults: Faults) -> None:
        super().__init__(POSTGRES, schema=schema)
        self._faults = faults

    @asynccontextmanager
    async def _bound(self, tenants: Iterable[str], *, durable: bool = True) -> AsyncIterator[Connection]:
        if self._faults.strike():
            raise Transient("the database is away")
        async with super()._bound(tenants, durable=durable) as connection:
            yield connection
        if self._faults.strike():
            raise Transient("the reply is lost")

    async def ever_decided(self) -> int:
        async with super()._bound(["*"]) as connection:
            return int(await connection.fetchval("select count(*) from outbox"))


@pytest.mark.parametrize("seed", range(6))
async def test_no_schedule_of_failures_loses_or_doubles_a_thing(seed: int) -> None:
    schema, faults = f"test_{uuid4().hex[:12]}", Faults(seed)
    store = FaultyPostgres(schema, faults)
    try:
        await survives(store, faults, store.ever_decided, seed=seed)
    finally:
        connection = await asyncpg.connect(POSTGRES)
        await connection.execute(f'drop schema if exists "{schema}" cascade')
        await connection.close()


async def test_sessions_that_are_ended_from_outside_are_worth_another_try() -> None:
    """The client then says, for a moment, that it is at fault itself."""
    schema, url = f"test_{uuid4().hex[:12]}", urlsplit(POSTGRES)
    connection = await asyncpg.connect(POSTGRES)
    async with wired(url.port or 5432) as wire:
        place = f"{url.netloc.rpartition(':')[0]}:{wire.port}"
        store = PostgresStore(url._replace(netloc=place).geturl(), schema=schema)
        await store.open()
        try:
            for _ in range(_ENDINGS):
                await connection.fetch(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", schema
                )
                await until_answered(store.ping)
        finally:
            await store.close()
            await connection.execute(f'drop schema if exists "{schema}" cascade')
            await connection.close()
