"""How well the retriever finds the right documents: `aivis eval retrieval --corpus F --questions F`.

Corpus: `{"id", "title", "text", "language"}` a line; questions: `{"id", "question", "relevant": [ids]}`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from aivis.embedding import shared_embedder
from aivis.errors import Invalid
from aivis.events.envelope import JsonObject
from aivis.terms import is_han
from learning.evaluation.files import rows
from learning.evaluation.ranks import figures
from services.retriever.indexing import index_document, question
from services.retriever.ports import Document, Index
from services.retriever.stores.embedded import EmbeddedIndex

TENANT = "evaluation"
_AT_ONCE = 4
_PASSAGES = 50
"""Fetched for each question: documents have several, and ten documents are ranked."""

Progress = Callable[[int, int], None]
"""Called with documents done and documents in all."""


@dataclass(frozen=True)
class Asked:
    """A question and the ids of the documents that answer it."""

    id: str
    text: str
    relevant: tuple[str, ...]


def no_progress(done: int, total: int) -> None:
    """Say nothing."""


def corpus(path: Path) -> list[Document]:
    """The documents of a corpus; without a language, Chinese text counts as Chinese and all else as English."""
    return [_document(row) for row in rows(path, needs=("id", "text"))]


def _document(row: JsonObject) -> Document:
    text = str(row["text"])
    language = str(row.get("language") or ("zh" if is_han(text) else "en"))
    return Document(str(row["id"]), str(row.get("title") or ""), text, str(row["id"]), language=language)


def asked(path: Path, known: set[str]) -> list[Asked]:
    """The questions of a file; `Invalid` when one names a document that the corpus, `known`, does not hold."""
    found = []
    for row in rows(path, needs=("id", "question", "relevant")):
        relevant = tuple(str(id) for id in row["relevant"])
        unknown = [id for id in relevant if id not in known]
        if unknown or not relevant:
            raise Invalid(f"{path}: question {row['id']}: relevant {unknown or 'is empty'}: no such document")
        found.append(Asked(str(row["id"]), str(row["question"]), relevant))
    return found


@asynccontextmanager
async def opened(weaviate: str = "", file: Path | None = None) -> AsyncIterator[Index]:
    """An index to fill: in `file`, or one that is gone afterwards; or a collection of its own on a Weaviate server."""
    if weaviate:
        from services.retriever.stores.weaviate import WeaviateIndex

        remote = WeaviateIndex(weaviate, prefix="AivisEvaluation")
        try:
            yield remote
        finally:
            await remote.drop()
            await remote.close()
        return
    with TemporaryDirectory(prefix="aivis-evaluation-") as folder:
        local = EmbeddedIndex(file or Path(folder) / "index.db")
        try:
            yield local
        finally:
            await local.close()


async def ingest(
    documents: Sequence[Document], index: Index, *, tenant: str = TENANT, progress: Progress = no_progress
) -> float:
    """Bring all `documents` into `index`, several at once; seconds it took."""
    start, done, gate = time.perf_counter(), 0, asyncio.Semaphore(_AT_ONCE)

    async def bring(document: Document) -> None:
        nonlocal done
        async with gate:
            await index_document(tenant, document, index, shared_embedder().embed_async)
        done += 1
        progress(done, len(documents))

    async with asyncio.TaskGroup() as group:
        for document in documents:
            group.create_task(bring(document))
    return time.perf_counter() - start


async def ranked(text: str, index: Index, *, tenant: str = TENANT) -> list[str]:
    """Ids of the documents found for a question, by their best passage, best first."""
    hits = await index.search(tenant, await question(text, shared_embedder().embed_async, limit=_PASSAGES))
    return list(dict.fromkeys(hit.passage.document_id for hit in hits))


async def evaluate(
    documents: Sequence[Document],
    questions: Sequence[Asked],
    *,
    weaviate: str = "",
    progress: Progress = no_progress,
) -> dict[str, float]:
    """The figures of design section 11 for these documents and questions."""
    async with opened(weaviate) as index:
        seconds = await ingest(documents, index, progress=progress)
        start = time.perf_counter()
        rankings = [(await ranked(each.text, index), each.relevant) for each in questions]
        spent = time.perf_counter() - start
    return {
        **figures(rankings),
        "documents": len(documents),
        "questions": len(questions),
        "ms_per_query": 1000 * spent / max(len(questions), 1),
        "documents_per_second": len(documents) / max(seconds, 1e-9),
    }
