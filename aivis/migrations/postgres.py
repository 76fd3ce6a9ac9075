"""Migrations of a PostgreSQL schema, under an advisory lock that ends with the transaction."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg

from aivis.errors import Refused
from aivis.failpoints import reach
from aivis.migrations.comparing import Place, Recorded, next_missing
from aivis.migrations.numbered import Migration, read

_RECORDS = """
create table if not exists migrations (
  store text not null,
  number integer not null,
  name text not null,
  sha256 text not null,
  needs integer not null,
  at timestamptz not null default now(),
  primary key (store, number)
)
"""
_OURS = "select number, name, sha256, needs from migrations where store = $1"
_RECORD = "insert into migrations (store, number, name, sha256, needs) values ($1, $2, $3, $4, $5)"
_TABLES = "select tablename from pg_tables where schemaname = $1"
# All tenants' rows may be touched. A lock on a table that others use is asked for shortly: whoever comes behind it
# would wait as long.
_SETTINGS = "select set_config('aivis.tenants', '*', true), set_config('lock_timeout', '3s', true)"
_SECONDS = 600.0
_NEVER_WILL = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.SyntaxOrAccessError)


async def prepare(pool: Any, store: str, folder: Path, schema: str) -> None:
    """Run `migrate` on a connection of `pool`, which is closed when that fails."""
    try:
        async with pool.acquire() as connection:
            await migrate(connection, store, folder, schema)
    except BaseException:
        pool.terminate()
        raise


async def migrate(connection: Any, store: str, folder: Path, schema: str) -> list[Migration]:
    """Run what the tables of `store` in `schema` lack of `folder`, and give it; the schema is made where it is missing.

    `connection` is asyncpg's, with the schema first in its search path. Any number of processes may do it at once.
    `Refused` when this code cannot use the schema as it is; errors of PostgreSQL that may pass are its own.
    """
    place = Place(f"PostgreSQL schema {schema}", f'stop what uses it and run: drop schema "{schema}" cascade')
    known, run = read(folder), []
    while (migration := await _one(connection, store, known, place, schema)) is not None:
        run.append(migration)
    return run


async def _one(connection: Any, store: str, known: Sequence[Migration], place: Place, schema: str) -> Migration | None:
    """Run the next one that is missing, with its record, in one transaction."""
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(hashtext($1))", f"{schema}.migrations")
        await connection.execute(_SETTINGS)
        await connection.execute(f'create schema if not exists "{schema}"')
        await connection.execute(_RECORDS)
        recorded = [Recorded(*row) for row in await connection.fetch(_OURS, store)]
        tables = [name for (name,) in await connection.fetch(_TABLES, schema)]
        missing = next_missing(known, recorded, tables, place)
        if missing is not None:
            await _run(connection, missing, place)
            name = missing.file.name
            await connection.execute(_RECORD, store, missing.number, name, missing.sha256, missing.needs)
        reach("migrations.run.before")
    reach("migrations.run.after")
    return missing


async def _run(connection: Any, migration: Migration, place: Place) -> None:
    try:
        await connection.execute(migration.sql, timeout=_SECONDS)
    except _NEVER_WILL as error:
        raise Refused(f"{place.name}: {migration.file} cannot be run, and changed nothing: {error}") from error
