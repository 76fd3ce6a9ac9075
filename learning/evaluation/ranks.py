"""Figures of a ranking: recall and discounted gain at a cut."""

import math
from collections.abc import Collection, Mapping, Sequence

CUTS = (1, 5, 10)


def figures(rankings: Sequence[tuple[Sequence[str], Collection[str]]]) -> Mapping[str, float]:
    """`recall@1`, `recall@5`, `recall@10` and `ndcg@10` over pairs of (ids ranked best first, ids relevant), as means.

    Recall is the share of a question's relevant ids among the first k; relevance is yes or no.
    """
    found = {f"recall@{cut}": _mean([_recall(ranked, relevant, cut) for ranked, relevant in rankings]) for cut in CUTS}
    return {**found, "ndcg@10": _mean([_ndcg(ranked, relevant, 10) for ranked, relevant in rankings])}


def _recall(ranked: Sequence[str], relevant: Collection[str], cut: int) -> float:
    return len(set(ranked[:cut]) & set(relevant)) / len(set(relevant))


def _ndcg(ranked: Sequence[str], relevant: Collection[str], cut: int) -> float:
    gain = sum(1 / math.log2(place + 2) for place, id in enumerate(ranked[:cut]) if id in relevant)
    return gain / sum(1 / math.log2(place + 2) for place in range(min(cut, len(set(relevant)))))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
