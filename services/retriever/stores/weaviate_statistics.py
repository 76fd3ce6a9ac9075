"""How rare the words of a question are in a Weaviate tenant: asked of the server, kept for a short while."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from weaviate.classes.aggregate import Metrics
from weaviate.classes.query import Filter
from weaviate.collections import CollectionAsync
from weaviate.collections.classes.aggregate import AggregateInteger

from services.retriever.ranking import Statistics

_KEPT_AT_MOST = 100_000


@dataclass
class Counts:
    """Counts by tenant and term; older than `seconds` they are asked anew. Rarity moves slowly: a minute is young."""

    seconds: float = 60
    clock: Callable[[], float] = time.monotonic
    _kept: dict[tuple[str, str], tuple[float, int, float]] = field(default_factory=dict)

    async def statistics(self, tenants: Sequence[CollectionAsync], terms: Sequence[str]) -> Statistics:
        """The figures of all `tenants` together, for `terms`."""
        answers = await asyncio.gather(*(self._of(each, term) for each in tenants for term in ("", *terms)))
        table = np.asarray([own for own, _ in answers], dtype=float).reshape(len(tenants), 1 + len(terms)).sum(axis=0)
        passages, length = int(table[0]), sum(length for _, length in answers)
        return Statistics(passages=passages, holding=table[1:], average_length=length / max(passages, 1))

    async def _of(self, tenant: CollectionAsync, term: str) -> tuple[int, float]:
        """Passages that hold `term`, or all when it is empty, and then their summed length."""
        place = (f"{tenant.name}/{tenant.tenant}", term)
        until, *known = self._kept.get(place, (0.0, 0, 0.0))
        if self.clock() < until:
            return int(known[0]), known[1]
        found = await (_holding(tenant, term) if term else _all(tenant))
        if len(self._kept) >= _KEPT_AT_MOST:
            self._kept.clear()
        self._kept[place] = (self.clock() + self.seconds, *found)
        return found


async def _holding(tenant: CollectionAsync, term: str) -> tuple[int, float]:
    answer = await tenant.aggregate.over_all(filters=Filter.by_property("terms").equal(term), total_count=True)
    return answer.total_count or 0, 0.0


async def _all(tenant: CollectionAsync) -> tuple[int, float]:
    answer = await tenant.aggregate.over_all(total_count=True, return_metrics=Metrics("length").integer(sum_=True))
    length = answer.properties.get("length")
    summed = length.sum_ if isinstance(length, AggregateInteger) else None
    return answer.total_count or 0, float(summed or 0)
