"""The pages that a domain brings along, kept in the shared knowledge as they are in its folder."""

import asyncio
from pathlib import Path

import structlog

from aivis.errors import AivisError, Transient
from services.retriever.files import documents_in
from services.retriever.indexing import index_document
from services.retriever.ports import SHARED, Embed, Index

_PREFIX = "domain/"
"""Of the ids of a domain's pages, so that a page that left the folder leaves the index, and nothing else does."""

log = structlog.get_logger()


class DomainPages:
    """Brings the domain's pages into the index once, at start; the service is not ready before."""

    def __init__(self, folder: Path, index: Index, embed: Embed) -> None:
        self._folder = folder
        self._index = index
        self._embed = embed
        self._left = "the domain's pages are not indexed yet"

    async def check(self) -> None:
        """`Transient` until all pages are there."""
        if self._left:
            raise Transient(self._left)

    async def bring(self) -> None:
        """Index every page; while the index does not answer, try again. Stays, as background work must."""
        while self._left:
            try:
                await self._bring()
                self._left = ""
            except AivisError as error:
                self._left = f"the domain's pages are not indexed yet: {error}"
                log.warning("domain pages not indexed; trying again", error=str(error))
                await asyncio.sleep(1)
        await asyncio.Event().wait()

    async def _bring(self) -> None:
        documents = await asyncio.to_thread(lambda: list(documents_in(self._folder, prefix=_PREFIX)))
        changed = [await index_document(SHARED, document, self._index, self._embed) for document in documents]
        gone = {id for id in await self._index.documents(SHARED) if id.startswith(_PREFIX)} - {d.id for d in documents}
        for document in gone:
            await self._index.withdraw(SHARED, document)
        log.info("domain pages indexed", pages=len(documents), changed=sum(changed), withdrawn=len(gone))
