"""Migrations of a SQLite file, under its write lock."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from aivis.errors import Invalid, Refused
from aivis.failpoints import around
from aivis.migrations.comparing import Place, Recorded, next_missing
from aivis.migrations.numbered import Migration, read

_RECORDS = """
create table if not exists migrations (
  store text not null,
  number integer not null,
  name text not null,
  sha256 text not null,
  needs integer not null,
  at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  primary key (store, number)
) without rowid
"""
_OURS = "select number, name, sha256, needs from migrations where store = ?"
_RECORD = "insert into migrations (store, number, name, sha256, needs) values (?, ?, ?, ?, ?)"
_TABLES = "select name from sqlite_schema where type = 'table'"
_MAY_PASS = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL})


def opened(file: Path, store: str, folder: Path) -> sqlite3.Connection:
    """A connection to `file` without transactions of its own (`isolation_level=None`), once `migrate` has run there."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=10)
    try:
        connection.execute("pragma journal_mode=wal")
        migrate(connection, store, folder, file)
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, store: str, folder: Path, file: Path | str) -> list[Migration]:
    """Run what the tables of `store` in `file` lack of `folder`, and give it.

    `Refused` when this code cannot use the file as it is; errors of SQLite that may pass are its own.
    """
    known, place, run = read(folder), Place(str(file), f"stop what uses it and delete {file}*"), []
    while (migration := _one(connection, store, known, place)) is not None:
        run.append(migration)
    return run


def _one(connection: sqlite3.Connection, store: str, known: Sequence[Migration], place: Place) -> Migration | None:
    """Run the next one that is missing, with its record, in one transaction."""
    connection.execute("begin immediate")
    try:
        connection.execute(_RECORDS)
        recorded = [Recorded(*row) for row in connection.execute(_OURS, (store,))]
        tables = [name for (name,) in connection.execute(_TABLES)]
        missing = next_missing(known, recorded, tables, place)
        if missing is not None:
            _run(connection, missing, place)
            connection.execute(_RECORD, (store, missing.number, missing.file.name, missing.sha256, missing.needs))
        with around("migrations.run"):
            connection.execute("commit")
    except BaseException:
        connection.rollback()
        raise
    return missing


def _run(connection: sqlite3.Connection, migration: Migration, place: Place) -> None:
    try:
        for statement in _statements(migration):
            connection.execute(statement)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _MAY_PASS:
            raise
        raise Refused(f"{place.name}: {migration.file} cannot be run, and changed nothing: {error}") from error


def _statements(migration: Migration) -> Iterator[str]:
    """One at a time: `executescript` would end the transaction first."""
    statement = ""
    for line in migration.sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if any(line.strip() and not line.lstrip().startswith("--") for line in statement.splitlines()):
        raise Invalid(f"{migration.file}: the last statement has no end: close it with a semicolon")
