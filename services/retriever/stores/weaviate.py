"""The index on a Weaviate server: one tenant of its collection for each of ours, our own vectors and terms.

Weaviate finds the candidates (its hybrid search over our terms and vectors); they are scored here, by the same
functions as in the embedded index, so that a score, and what counts as 'not known', means the same on both.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from weaviate.classes.data import DataObject
from weaviate.classes.query import Filter, HybridFusion
from weaviate.collections import CollectionAsync
from weaviate.collections.classes.filters import _Filters
from weaviate.collections.classes.internal import Object, ObjectSingleReturn
from weaviate.exceptions import WeaviateBaseError

from aivis.errors import NotFound, Transient
from aivis.failpoints import around
from services.retriever import ranking
from services.retriever.ports import SHARED, Hit, Indexed, Passage, Question, Vector
from services.retriever.ranking import Statistics
from services.retriever.stores.weaviate_collection import connection, ensure, name, tenant_name
from services.retriever.stores.weaviate_statistics import Counts

_CANDIDATES = 60
"""Fetched from each tenant; at most 50 are asked for."""
_BATCH = 200
_AT_ONCE = 10_000  # Weaviate's QUERY_MAXIMUM_RESULTS

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Found = Object[Mapping[str, Any], Any]


class WeaviateIndex:
    """`Index` on the server at `address`, "http://HOST:PORT,GRPCPORT". Connects on first use, again after a loss."""

    def __init__(
        self, address: str, *, prefix: str = "AivisPassages", seconds: float = 30, rarity_seconds: float = 60
    ) -> None:
        self.collection = name(prefix)
        self._address = address
        self._client = connection(address, seconds)
        self._seconds = seconds
        self._opening = asyncio.Lock()
        self._ensured = False
        self._tenants: set[str] = set()
        self._counts = Counts(rarity_seconds)

    async def version(self, tenant: str, document: str) -> str | None:
        """The version, when all its passages and no others are there: a `replace` cut short left none."""
        own = _of(document)
        async with self._open(tenant) as (passages,):
            first = await passages.query.fetch_objects(filters=own, limit=1)
            if not first.objects:
                return None
            kept = first.objects[0].properties
            both = (own, own & Filter.by_property("version").equal(str(kept["version"])))
            counts = {await _count(passages, each) for each in both}
            return str(kept["version"]) if counts == {kept["siblings"]} else None

    async def documents(self, tenant: str) -> set[str]:
        found: set[str] = set()
        async with self._open(tenant) as (passages,):
            async for each in passages.iterator(return_properties=["document"]):
                found.add(str(each.properties["document"]))
        return found

    async def vectors(self, tenant: str, document: str) -> Mapping[str, Vector]:
        async with self._open(tenant) as (passages,):
            found = await passages.query.fetch_objects(filters=_of(document), limit=_AT_ONCE, include_vector=True)
            pairs = ((str(each.properties["digest"]), _vector(each)) for each in found.objects)
            return {digest: vector for digest, vector in pairs if vector is not None}

    async def replace(self, tenant: str, document: str, version: str, passages: Sequence[Indexed]) -> None:
        """New passages first, then the old ones go: a reader always finds the one or the other."""
        async with self._open(tenant) as (own,):
            objects = [_object(each, len(passages)) for each in passages]
            for start in range(0, len(objects), _BATCH):
                with around("index.insert"):
                    answer = await own.data.insert_many(objects[start : start + _BATCH])
                if answer.has_errors:
                    first = next(iter(answer.errors.values()))
                    raise Transient(f"Weaviate at {self._address}: document {document!r}: {first.message}")
            stale = _of(document) & Filter.by_property("version").not_equal(version)
            await _delete(own, stale if passages else _of(document))

    async def withdraw(self, tenant: str, document: str) -> None:
        async with self._open(tenant) as (passages,):
            await _delete(passages, _of(document))

    async def search(self, tenant: str, question: Question) -> Sequence[Hit]:
        if not question.terms and question.vector is None:
            return []
        async with self._open(*dict.fromkeys((tenant, SHARED))) as tenants:
            searches = (_candidates(each, question) for each in tenants)
            found, statistics = await asyncio.gather(
                asyncio.gather(*searches), self._counts.statistics(tenants, question.terms)
            )
        return _ranked([each for objects in found for each in objects], question, statistics)[: question.limit]

    async def get(self, tenant: str, passage: str) -> Passage:
        async with self._open(*dict.fromkeys((tenant, SHARED))) as tenants:
            for each in tenants:
                if _is_id(passage) and (found := await each.query.fetch_object_by_id(passage)) is not None:
                    return _passage(found)
        raise NotFound(f"passage {passage!r}: no such passage for tenant {tenant!r}; it may have been withdrawn")

    async def check(self) -> None:
        async with self._open():
            if not await self._client.is_ready():
                raise Transient(f"Weaviate at {self._address}: not ready")

    async def drop(self) -> None:
        """Delete the collection and all it holds."""
        async with self._open():
            await self._client.collections.delete(self.collection)
            self._ensured = False
            self._tenants.clear()

    async def close(self) -> None:
        await self._client.close()

    @asynccontextmanager
    async def _open(self, *tenants: str) -> AsyncIterator[list[CollectionAsync]]:
        """The collection for each of `tenants`, created when missing; whatever fails inside is `Transient`."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._connect()
                collection = self._client.collections.use(self.collection)
                own = [tenant_name(each) for each in tenants]
                if missing := [each for each in own if each not in self._tenants]:
                    await collection.tenants.create(missing)
                    self._tenants.update(missing)
                yield [collection.with_tenant(each) for each in own]
        except (WeaviateBaseError, TimeoutError, OSError) as error:
            self._tenants.clear()
            self._ensured = False
            told = " ".join(str(error).split()) or "no answer in time"
            raise Transient(
                f"Weaviate at {self._address}: {told}: is it running, and AIVIS_RETRIEVER_WEAVIATE right?"
            ) from error

    async def _connect(self) -> None:
        async with self._opening:
            if not self._client.is_connected():
                await self._client.connect()
            if not self._ensured:
                await ensure(self._client, self.collection)
                self._ensured = True


def _is_id(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def _of(document: str) -> _Filters:
    return Filter.by_property("document").equal(document)


async def _count(passages: CollectionAsync, own: _Filters) -> int:
    return (await passages.aggregate.over_all(filters=own, total_count=True)).total_count or 0


async def _delete(passages: CollectionAsync, own: _Filters) -> None:
    """Delete all that match: Weaviate deletes a bounded number at once."""
    deleted = _AT_ONCE
    while deleted >= _AT_ONCE:
        with around("index.delete"):
            deleted = (await passages.data.delete_many(where=own)).matches


async def _candidates(passages: CollectionAsync, question: Question) -> list[Found]:
    filters = Filter.by_property("language").equal(question.language) if question.language else None
    words = " ".join(question.terms)
    if question.vector is None:
        found = await passages.query.bm25(
            words, query_properties=["terms"], limit=_CANDIDATES, filters=filters, include_vector=True
        )
    elif not words:
        found = await passages.query.near_vector(
            question.vector.tolist(), limit=_CANDIDATES, filters=filters, include_vector=True
        )
    else:
        found = await passages.query.hybrid(
            words,
            vector=question.vector.tolist(),
            alpha=ranking.MEANING,
            query_properties=["terms"],
            fusion_type=HybridFusion.RELATIVE_SCORE,
            limit=_CANDIDATES,
            filters=filters,
            include_vector=True,
        )
    return list(found.objects)


def _ranked(found: Sequence[Found], question: Question, statistics: Statistics) -> list[Hit]:
    held = [Counter(str(each.properties["terms"]).split()) for each in found]
    counts = np.asarray([[own[term] for own in held] for term in question.terms], dtype=float)
    counts = counts.reshape(len(question.terms), len(found))
    lengths = np.asarray([float(each.properties["length"]) for each in found])
    meaning = None
    if question.vector is not None:
        vectors = [_vector(each) for each in found]
        meaning = np.asarray([0.0 if each is None else float(each @ question.vector) for each in vectors])
    scores = ranking.fused(ranking.lexical(counts, lengths, statistics), meaning)
    covered = ranking.coverage(counts, statistics)
    similar = np.zeros(len(found)) if meaning is None else meaning
    hits = [
        Hit(_passage(each), float(score), float(own), float(share))
        for each, score, own, share in zip(found, scores, similar, covered, strict=True)
        if score > 0
    ]
    return sorted(hits, key=lambda hit: -hit.score)


def _object(each: Indexed, siblings: int) -> DataObject[dict[str, Any], None]:
    own = each.passage
    texts = {"title": own.title, "section": own.section, "text": own.text, "source": own.source}
    exact = {"document": own.document_id, "version": own.version, "language": own.language, "digest": each.digest}
    words = {"terms": " ".join(each.terms), "length": len(each.terms), "siblings": siblings}
    vector = None if each.vector is None else each.vector.tolist()
    return DataObject(properties={**texts, **exact, **words}, uuid=own.id, vector=vector)


def _vector(found: Found) -> Vector | None:
    own = found.vector.get("default")
    return np.asarray(own, dtype=np.float32) if own else None


def _passage(found: Object[Mapping[str, Any], Any] | ObjectSingleReturn[Mapping[str, Any], Any]) -> Passage:
    own = found.properties
    return Passage(
        id=str(found.uuid),
        document_id=str(own["document"]),
        title=str(own["title"] or ""),
        section=str(own["section"] or ""),
        text=str(own["text"]),
        source=str(own["source"] or ""),
        version=str(own["version"]),
        language=str(own["language"] or ""),
    )
