"""A place for services' tables, of the test's own."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

POSTGRES = os.environ.get("AIVIS_TEST_POSTGRES", "")
KINDS = ("sqlite", "postgres")


@asynccontextmanager
async def database(kind: str, folder: Path) -> AsyncIterator[str]:
    """`AIVIS_DATABASE` of an empty database, which goes with the context."""
    if kind == "sqlite":
        yield f"sqlite:{folder}/state"
        return
    if not POSTGRES:
        pytest.skip("AIVIS_TEST_POSTGRES names no server: `make test-real`")
    async with own_database() as address:
        yield address


@asynccontextmanager
async def own_database() -> AsyncIterator[str]:
    """The address of a PostgreSQL database that is dropped with the context."""
    name, connection = f"test_{uuid4().hex[:12]}", await asyncpg.connect(POSTGRES)
    try:
        await connection.execute(f'create database "{name}"')
        yield POSTGRES.rpartition("/")[0] + f"/{name}"
    finally:
        await connection.execute(f'drop database if exists "{name}" with (force)')
        await connection.close()
