"""The journal: what each idempotency key was used for, and what came of it."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from aivis.errors import Conflict, Transient
from aivis.failpoints import around
from aivis.migrations.sqlite import migrate


class State(StrEnum):
    STARTED = "started"
    """An attempt began; unless it still runs, whether it acted is not known."""
    DONE = "done"
    NOTHING = "nothing"
    """Every attempt ended, and none acted."""


@dataclass(frozen=True)
class Use:
    """What a key is used for: one tool with one set of parameters, by one tenant."""

    tenant: str
    key: str
    tool: str
    digest: str


@dataclass(frozen=True)
class Record:
    """What the journal holds of a key."""

    use: Use
    state: State
    started_at: float
    """Start of the latest attempt, seconds since 1970."""
    result: bytes
    """Empty unless done."""


class Journal(Protocol):
    """Survives the process. Every method raises `Transient` when the journal cannot be read or written."""

    def begin(self, use: Use) -> Record | None:
        """Note that an attempt begins, and give what was there before; `Conflict` when the key was for another use."""
        ...

    def keep(self, use: Use, note: bytes | None) -> bytes | None:
        """Keep `note` unless there is one already, and give the one that is kept."""
        ...

    def finish(self, use: Use, result: bytes) -> None: ...

    def nothing(self, use: Use) -> None:
        """Note that nothing was done; the note kept is forgotten."""
        ...

    def find(self, tenant: str, key: str) -> Record | None: ...

    def forget(self, older_than: timedelta) -> int:
        """Drop what began longer ago; how many."""
        ...


_MIGRATIONS = Path(__file__).parent / "migrations"


class SqliteJournal:
    """The journal in one SQLite file. Every write is on disk when the method returns (synchronous=FULL)."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False, timeout=5, isolation_level=None)
            self._connection.execute("pragma journal_mode=wal")
            self._connection.execute("pragma synchronous=full")
            migrate(self._connection, "journal", _MIGRATIONS, path)

    def begin(self, use: Use) -> Record | None:
        with self._transaction("journal.begin") as db:
            found = _find(db, use.tenant, use.key)
            if found is not None and found.use != use:
                raise Conflict(
                    f"key {use.key} was used for {found.use.tool} with other parameters; "
                    "a key stands for one action, so take a new one"
                )
            if found is None or found.state is not State.DONE:
                db.execute(
                    "insert into calls (tenant, key, tool, digest, state, started_at) values (?, ?, ?, ?, ?, ?) "
                    "on conflict (tenant, key) do update set state = excluded.state, started_at = excluded.started_at",
                    (use.tenant, use.key, use.tool, use.digest, State.STARTED, self._now()),
                )
            return found

    def keep(self, use: Use, note: bytes | None) -> bytes | None:
        with self._transaction("journal.keep") as db:
            if note is not None:
                db.execute(
                    "update calls set note = ? where tenant = ? and key = ? and note is null",
                    (note, use.tenant, use.key),
                )
            row = db.execute("select note from calls where tenant = ? and key = ?", (use.tenant, use.key)).fetchone()
            return None if row is None else row[0]

    def finish(self, use: Use, result: bytes) -> None:
        self._end(use, State.DONE, result)

    def nothing(self, use: Use) -> None:
        self._end(use, State.NOTHING, b"")

    def find(self, tenant: str, key: str) -> Record | None:
        with self._transaction("journal.find") as db:
            return _find(db, tenant, key)

    def forget(self, older_than: timedelta) -> int:
        with self._transaction("journal.forget") as db:
            return db.execute(
                "delete from calls where started_at < ?", (self._now() - older_than.total_seconds(),)
            ).rowcount

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _end(self, use: Use, state: State, result: bytes) -> None:
        with self._transaction("journal.end") as db:
            db.execute(
                "update calls set state = ?, result = ?, note = case when ? = 'nothing' then null else note end "
                "where tenant = ? and key = ?",
                (state, result, state, use.tenant, use.key),
            )

    @contextmanager
    def _transaction(self, point: str) -> Iterator[sqlite3.Connection]:
        """The commit is the failpoint `point`."""
        with self._lock, self._told():
            self._connection.execute("begin immediate")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("rollback")
                raise
            with around(point):
                self._connection.execute("commit")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise Transient(f"journal {self._path}: {error}; see that the disk has room and may be written") from error


def _find(db: sqlite3.Connection, tenant: str, key: str) -> Record | None:
    row = db.execute(
        "select tool, digest, state, started_at, result from calls where tenant = ? and key = ?", (tenant, key)
    ).fetchone()
    if row is None:
        return None
    tool, digest, state, started_at, result = row
    return Record(Use(tenant, key, tool, digest), State(state), started_at, bytes(result))
