"""How well passages fit a question: words (BM25), meaning (cosine of embeddings), and both fused.

Every figure is scaled by what a perfect passage would get, never by the best one found, so that figures of
different questions, and of different stores, can be compared.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MEANING = 0.55
"""Share of the meaning in the fused score. From .4 to .7 all do equally well (a cloud's documents and FAQ)."""
_K1, _B = 1.2, 0.75  # Robertson and Zaragoza, 2009; the usual values did best here too


@dataclass(frozen=True)
class Statistics:
    """Of all passages a tenant sees, for the terms of one question."""

    passages: int
    holding: Floats
    """How many passages hold each term, shape (terms,)."""
    average_length: float
    """In terms."""


def rarity(statistics: Statistics) -> Floats:
    """Weight of each term, shape (terms,): the inverse document frequency, always above 0."""
    holding = statistics.holding
    weights: Floats = np.log1p((max(statistics.passages, 1) - holding + 0.5).clip(min=0.5) / (holding + 0.5))
    return weights


def lexical(counts: Floats, lengths: Floats, statistics: Statistics) -> Floats:
    """BM25 as a share of its upper bound, in [0, 1], shape (passages,).

    `counts`: how often each passage holds each term, shape (terms, passages); `lengths`: in terms, shape (passages,).
    """
    weights = rarity(statistics)
    norm = _K1 * (1 - _B + _B * lengths / max(statistics.average_length, 1.0))
    saturated = counts / (counts + norm[None, :])
    return _share(weights @ saturated, weights)


def coverage(counts: Floats, statistics: Statistics) -> Floats:
    """Share of the question's terms, weighted by rarity, that each passage holds, in [0, 1]; shape (passages,)."""
    weights = rarity(statistics)
    return _share(weights @ (counts > 0), weights)


def fused(words: Floats, similarity: Floats | None) -> Floats:
    """One score in [0, 1] of BM25 and cosine similarity; of BM25 alone when the question has no vector."""
    if similarity is None:
        return words
    return (1 - MEANING) * words + MEANING * similarity.clip(min=0)


def _share(weighed: Floats, weights: Floats) -> Floats:
    total = float(weights.sum())
    return weighed / total if total else np.zeros_like(weighed)
