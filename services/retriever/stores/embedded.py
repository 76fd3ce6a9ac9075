"""The index in this process: a SQLite file for what must last, partitions in memory for what must be fast.

One process at a time opens the file. All work runs on one thread of its own, beside the event loop and in order.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from aivis.embedding import MODEL
from aivis.errors import NotFound, Transient
from aivis.failpoints import around
from aivis.migrations.sqlite import migrate
from services.retriever.indexing import found_by
from services.retriever.ports import SHARED, Hit, Indexed, Passage, Question, Vector
from services.retriever.ranking import Statistics
from services.retriever.stores.partition import Partition

_MIGRATIONS = Path(__file__).parent / "migrations"
_SELECT = "select id, document, title, section, text, source, version, language, digest, vector from passages"
_INSERT = (
    "insert into passages"
    " (tenant, id, document, place, title, section, text, source, version, language, digest, vector)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_KNOW_MODEL = (
    "insert into meta (name, value) values ('model', ?) on conflict (name) do update set value = excluded.value"
)
T = TypeVar("T")


class EmbeddedIndex:
    """`Index` on one SQLite file."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="index")
        self._partitions: dict[str, Partition] = {}
        self._opened: sqlite3.Connection | None = None

    async def version(self, tenant: str, document: str) -> str | None:
        return await self._run(lambda: self._version(tenant, document))

    async def documents(self, tenant: str) -> set[str]:
        return await self._run(lambda: self._documents(tenant))

    async def vectors(self, tenant: str, document: str) -> Mapping[str, Vector]:
        return await self._run(lambda: self._vectors(tenant, document))

    async def replace(self, tenant: str, document: str, version: str, passages: Sequence[Indexed]) -> None:
        await self._run(lambda: self._replace(tenant, document, version, passages))

    async def withdraw(self, tenant: str, document: str) -> None:
        await self._run(lambda: self._replace(tenant, document, "", ()))

    async def search(self, tenant: str, question: Question) -> Sequence[Hit]:
        return await self._run(lambda: self._search(tenant, question))

    async def get(self, tenant: str, passage: str) -> Passage:
        return await self._run(lambda: self._get(tenant, passage))

    async def check(self) -> None:
        await self._run(lambda: self._database.execute("select 1").fetchone())

    async def close(self) -> None:
        await self._run(self._close)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise Transient(
                f"index file {self._path}: {error}: check that the disk is writable and not full"
            ) from error

    @property
    def _database(self) -> sqlite3.Connection:
        if self._opened is None:
            if isinstance(self._path, Path):
                self._path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self._path, check_same_thread=False)
            database.execute("pragma journal_mode = wal")
            database.execute("pragma synchronous = full")
            migrate(database, "index", _MIGRATIONS, self._path)
            self._forget_vectors_of_other_models(database)
            self._opened = database
        return self._opened

    @staticmethod
    def _forget_vectors_of_other_models(database: sqlite3.Connection) -> None:
        with around("index.open"), database:
            known = database.execute("select value from meta where name = 'model'").fetchone()
            if known is not None and known[0] != MODEL:
                # Words still find them; the next publication of each document embeds it anew.
                database.execute("update passages set vector = null, digest = ''")
                database.execute("update documents set version = ''")
            database.execute(_KNOW_MODEL, (MODEL,))

    def _version(self, tenant: str, document: str) -> str | None:
        ask = "select version from documents where tenant = ? and document = ?"
        row = self._database.execute(ask, (tenant, document)).fetchone()
        return str(row[0]) if row else None

    def _documents(self, tenant: str) -> set[str]:
        rows = self._database.execute("select document from documents where tenant = ?", (tenant,))
        return {str(row[0]) for row in rows}

    def _vectors(self, tenant: str, document: str) -> dict[str, Vector]:
        ask = "select digest, vector from passages where tenant = ? and document = ? and vector is not null"
        rows = self._database.execute(ask, (tenant, document))
        return {digest: np.frombuffer(vector, dtype=np.float32) for digest, vector in rows}

    def _replace(self, tenant: str, document: str, version: str, passages: Sequence[Indexed]) -> None:
        partition = self._partition(tenant)
        with around("index.replace"), self._database as database:
            old = database.execute("select id from passages where tenant = ? and document = ?", (tenant, document))
            gone = [str(row[0]) for row in old]
            database.execute("delete from passages where tenant = ? and document = ?", (tenant, document))
            database.execute("delete from documents where tenant = ? and document = ?", (tenant, document))
            if version:
                database.execute(
                    "insert into documents (tenant, document, version) values (?, ?, ?)", (tenant, document, version)
                )
            rows = (_row(tenant, place, each) for place, each in enumerate(passages))
            database.executemany(_INSERT, rows)
        partition.remove(gone)
        partition.add(passages)
        if partition.wasted:
            del self._partitions[tenant]

    def _search(self, tenant: str, question: Question) -> list[Hit]:
        tenants = list(dict.fromkeys((tenant, SHARED)))
        partitions = [self._partition(each) for each in tenants]
        counts = [partition.counts(question.terms) for partition in partitions]
        passages = sum(len(partition) for partition in partitions)
        statistics = Statistics(
            passages=passages,
            holding=sum(((each > 0).sum(axis=1) for each in counts), np.zeros(len(question.terms))),
            average_length=sum(partition.summed_length() for partition in partitions) / max(passages, 1),
        )
        found = [
            (owner, scored)
            for owner, partition, own in zip(tenants, partitions, counts, strict=True)
            for scored in partition.search(question, own, statistics)
        ]
        found.sort(key=lambda each: -each[1].score)
        return [
            Hit(self._get(owner, scored.id), scored.score, scored.similarity, scored.coverage)
            for owner, scored in found[: question.limit]
        ]

    def _get(self, tenant: str, passage: str) -> Passage:
        ask = f"{_SELECT} where tenant in (?, ?) and id = ? order by tenant = ? desc"
        row = self._database.execute(ask, (tenant, SHARED, passage, tenant)).fetchone()
        if row is None:
            raise NotFound(f"passage {passage!r}: no such passage for tenant {tenant!r}; it may have been withdrawn")
        return Passage(*row[:8])

    def _partition(self, tenant: str) -> Partition:
        if tenant not in self._partitions:
            partition = Partition()
            rows = self._database.execute(f"{_SELECT} where tenant = ? order by document, place", (tenant,))
            partition.add([_indexed(row) for row in rows])
            self._partitions[tenant] = partition
        return self._partitions[tenant]

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        self._partitions.clear()


def _row(tenant: str, place: int, each: Indexed) -> tuple[object, ...]:
    own = each.passage
    vector = None if each.vector is None else each.vector.astype(np.float32).tobytes()
    texts = (own.title, own.section, own.text, own.source, own.version, own.language)
    return (tenant, own.id, own.document_id, place, *texts, each.digest, vector)


def _indexed(row: tuple[object, ...]) -> Indexed:
    *texts, digest, vector = row
    passage = Passage(*(str(text) for text in texts))
    own = np.frombuffer(vector, dtype=np.float32) if isinstance(vector, bytes) else None
    return Indexed(passage, tuple(found_by(passage)), own, str(digest))
