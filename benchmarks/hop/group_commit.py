"""The database's own limit: what no durable step can do without, in groups, and nothing else.

A job is an inbox insert, the fenced update of its key, and two outbox rows, on tables without a second index. SQLite
commits with synchronous=FULL on one writer thread; PostgreSQL with one statement of CTEs over unnested arrays.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.hop.events import record, request

_TABLES = (
    "create table bench_inbox (event_id text primary key, key text not null, payload {bytes} not null)",
    "create table bench_keys (key text primary key, version bigint not null, epoch bigint not null, state {bytes})",
    "create table bench_outbox (id {id}, key text not null, payload {bytes} not null)",
)
_STATEMENT = """
with j as (
  select * from unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::bytea[])
  as j(event_id, key, payload, first, second)
),
i as (insert into bench_inbox select event_id, key, payload from j on conflict do nothing returning key),
k as (update bench_keys k set version = k.version + 1, state = 'x' from j
      where k.key = j.key and k.version = 0 and k.epoch = 1 returning k.key)
insert into bench_outbox (key, payload)
select j.key, o.payload from j join k using (key), lateral (values (j.first), (j.second)) as o(payload)
"""
_FENCE = "update bench_keys set version = 1, state = 'x' where key = ? and version = 0 and epoch = 1"
_OUT = "insert into bench_outbox (key, payload) values (?, ?)"


@dataclass(frozen=True)
class Job:
    event_id: str
    key: str
    payload: bytes


IN_FLIGHT = 50
Commit = Callable[[Sequence[Job]], Awaitable[None]]


def jobs(run: str, count: int) -> list[Job]:
    """Jobs with the ids and bytes of the service's events: an index takes ids like these where they fall."""
    records = [(request(run, number), record(run, number, "t")) for number in range(count)]
    return [Job(event.id, event.key, written.value) for event, written in records]


async def cpu_per_job(commit: Commit, work: Sequence[Job]) -> float:
    """This process's CPU microseconds per job, `IN_FLIGHT` tasks each waiting until its job is durable."""
    group, left = _Group(commit), iter(work)

    async def worker() -> None:
        for job in left:
            await group(job)

    start = time.process_time()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return (time.process_time() - start) / len(work) * 1e6


class _Group:
    """Commits all jobs that wait, together; while one group commits, the next gathers."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._waiting: list[tuple[Job, asyncio.Future[None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, job: Job) -> None:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((job, done))
        if self._running is None:
            self._running = asyncio.create_task(self._drain())
        await done

    async def _drain(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            await self._commit([job for job, _ in group])
            for _, done in group:
                done.set_result(None)
        self._running = None


class Sqlite:
    """The jobs on a SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1)
        self._connection: Any = None

    async def open(self) -> None:
        await self._on_thread(self._connect)

    async def prepare(self, work: Sequence[Job]) -> None:
        """Let the keys be there."""
        await self._on_thread(self._insert_keys, work)

    async def commit(self, work: Sequence[Job]) -> None:
        await self._on_thread(self._commit, work)

    async def close(self) -> None:
        await self._on_thread(self._connection.close)
        self._thread.shutdown()

    async def _on_thread(self, run: Callable[..., None], *arguments: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, run, *arguments)

    def _connect(self) -> None:
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._connection.execute("pragma journal_mode=wal")
        self._connection.execute("pragma synchronous=full")
        for table in _TABLES:
            self._connection.execute(table.format(bytes="blob", id="integer primary key"))

    def _insert_keys(self, work: Sequence[Job]) -> None:
        self._connection.execute("begin")
        self._connection.executemany("insert into bench_keys values (?, 0, 1, null)", [(job.key,) for job in work])
        self._connection.execute("commit")

    def _commit(self, work: Sequence[Job]) -> None:
        connection = self._connection
        connection.execute("begin immediate")
        for job in work:
            connection.execute(
                "insert into bench_inbox values (?, ?, ?) on conflict do nothing", (job.event_id, job.key, job.payload)
            )
            if connection.execute(_FENCE, (job.key,)).rowcount:
                connection.executemany(_OUT, [(job.key, job.payload)] * 2)
        connection.execute("commit")


class Postgres:
    """The jobs on a PostgreSQL database."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection: Any = None

    async def open(self) -> None:
        self._connection = await asyncpg.connect(self._address)
        for table in _TABLES:
            identity = "bigint generated always as identity primary key"
            await self._connection.execute(table.format(bytes="bytea", id=identity))

    async def prepare(self, work: Sequence[Job]) -> None:
        """Let the keys be there."""
        statement = "insert into bench_keys select key, 0, 1, null from unnest($1::text[]) as k(key)"
        await self._connection.execute(statement, [job.key for job in work])

    async def commit(self, work: Sequence[Job]) -> None:
        payloads = [job.payload for job in work]
        keys = [job.event_id for job in work], [job.key for job in work]
        await self._connection.execute(_STATEMENT, *keys, payloads, payloads, payloads)

    async def close(self) -> None:
        await self._connection.close()
