"""One tenant's passages in memory: postings for the words, a matrix for the meaning."""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aivis.embedding import DIMENSIONS
from services.retriever import ranking
from services.retriever.ports import Indexed, Question, Vector
from services.retriever.ranking import Floats, Statistics

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Scored:
    """A passage found, by its id."""

    id: str
    score: float
    similarity: float
    coverage: float


class Partition:
    """Append-only columns with a mark on what is gone; `wasted` says when to build anew."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._rows: dict[str, int] = {}
        self._languages: list[str] = []
        self._lengths = array("d")
        self._alive = array("b")
        self._vectors = np.zeros((0, DIMENSIONS), dtype=np.float32)
        self._postings: dict[str, tuple[array[int], array[int]]] = {}

    def add(self, passages: Sequence[Indexed]) -> None:
        """Add passages whose ids are not there (or no more)."""
        start = len(self._ids)
        if start + len(passages) > len(self._vectors):
            larger = np.zeros((max(256, 2 * start, start + len(passages)), DIMENSIONS), dtype=np.float32)
            larger[:start] = self._vectors[:start]
            self._vectors = larger
        for row, each in enumerate(passages, start):
            self._rows[each.passage.id] = row
            self._ids.append(each.passage.id)
            self._languages.append(each.passage.language)
            self._lengths.append(len(each.terms))
            self._alive.append(1)
            if each.vector is not None:
                self._vectors[row] = each.vector
            for term, count in Counter(each.terms).items():
                rows, counts = self._postings.setdefault(term, (array("I"), array("H")))
                rows.append(row)
                counts.append(min(count, 65_535))

    def remove(self, ids: Iterable[str]) -> None:
        for id in ids:
            if (row := self._rows.pop(id, None)) is not None:
                self._alive[row] = 0
                self._lengths[row] = 0

    @property
    def wasted(self) -> bool:
        """True when more rows are dead than alive."""
        return len(self._ids) > 1_000 and 2 * len(self._rows) < len(self._ids)

    def counts(self, terms: Sequence[str]) -> Floats:
        """How often each passage, dead or alive, holds each term; shape (terms, passages)."""
        found = np.zeros((len(terms), len(self._ids)))
        for place, term in enumerate(terms):
            rows, counts = self._postings.get(term, ((), ()))
            found[place, np.asarray(rows, dtype=np.intp)] = np.asarray(counts)
        found[:, np.asarray(self._alive) == 0] = 0
        return found

    def search(self, question: Question, counts: Floats, statistics: Statistics) -> list[Scored]:
        """The best passages for `question`, best first; `counts` are those of its terms, by `self.counts`.

        A passage that shares neither a word nor any meaning with the question is not among them.
        """
        words = ranking.lexical(counts, np.asarray(self._lengths), statistics)
        meaning = self._similarity(question.vector)
        scores = np.where(self._wanted(question.language), ranking.fused(words, meaning), 0)
        best = _best(scores, question.limit)
        covered = ranking.coverage(counts[:, best], statistics)
        return [
            Scored(
                self._ids[row], float(scores[row]), float(meaning[row]) if meaning is not None else 0.0, float(share)
            )
            for row, share in zip(best, covered, strict=True)
        ]

    def summed_length(self) -> float:
        """Terms of all passages alive."""
        return float(sum(self._lengths))

    def __len__(self) -> int:
        return len(self._rows)

    def _similarity(self, vector: Vector | None) -> Floats | None:
        if vector is None:
            return None
        similar: Floats = (self._vectors[: len(self._ids)] @ vector).astype(np.float64)
        return similar

    def _wanted(self, language: str) -> npt.NDArray[np.bool_]:
        alive = np.asarray(self._alive) > 0
        return alive & np.asarray([own == language for own in self._languages], dtype=bool) if language else alive


def _best(scores: Floats, limit: int) -> Rows:
    """Rows of the highest scores above 0, best first; among equals the earlier row."""
    few = np.argpartition(-scores, limit - 1)[:limit] if len(scores) > limit else np.arange(len(scores))
    ordered = few[np.lexsort((few, -scores[few]))]
    return ordered[scores[ordered] > 0]
