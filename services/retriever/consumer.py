"""Takes documents from the bus into the index."""

from collections.abc import Sequence

import structlog

from aivis.artifacts import ArtifactStore
from aivis.events.envelope import Event
from aivis.events.knowledge import DocumentPublished, DocumentWithdrawn
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Step
from services.retriever import metrics
from services.retriever.indexing import index_document
from services.retriever.ports import Document, Embed, Index

log = structlog.get_logger()


class Knowledge:
    """The retriever's `Handler`: a key is a document, and its latest event is what counts."""

    def __init__(self, index: Index, embed: Embed, artifacts: ArtifactStore) -> None:
        self._index = index
        self._embed = embed
        self._artifacts = artifacts

    async def handle(self, turn: Turn) -> Step:
        event = latest(turn.events)
        if event is None:
            return Step()
        if isinstance(event.data, DocumentWithdrawn):
            await self._index.withdraw(event.tenant, event.data.document)
            return Step(label=_done("withdrawn"))
        assert isinstance(event.data, DocumentPublished)
        document = await self._document(event.tenant, event.data)
        changed = await index_document(event.tenant, document, self._index, self._embed)
        log.info("document indexed", tenant=event.tenant, document=document.id, changed=changed)
        return Step(label=_done("indexed" if changed else "unchanged"))

    def give_up(self, turn: Turn, reason: str) -> Step:
        return Step(label=_done("refused"))

    def interrupts(self, event_type: str) -> bool:
        return False

    async def _document(self, tenant: str, published: DocumentPublished) -> Document:
        text = published.text
        if published.content is not None:
            text = (await self._artifacts.get(tenant, published.content)).decode(errors="replace")
        return Document(
            id=published.document,
            title=published.title,
            text=text,
            source=published.source,
            media_type=published.media_type,
            language=published.language,
        )


def latest(events: Sequence[Event]) -> Event | None:
    """The last event about the document: it takes the place of all before it."""
    about = [event for event in events if isinstance(event.data, DocumentPublished | DocumentWithdrawn)]
    return about[-1] if about else None


def _done(done: str) -> str:
    metrics.DOCUMENTS.labels(done).inc()
    return done
