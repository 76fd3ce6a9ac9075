"""A trained classifier of texts: plain arrays, so that serving needs no training library."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from aivis.failpoints import around
from services.planner.features import Floats, Prepared, Words, dense, prepare, sparse
from services.planner.ports import Embedding


@dataclass(frozen=True)
class Weights:
    """What training finds. K labels, D dimensions of the embedding, S places of the counts."""

    labels: tuple[str, ...]
    dense: Floats
    """Shape (D, K)."""
    sparse: Floats
    """Shape (S, K)."""
    bias: Floats
    """Shape (K,)."""
    rarity: Floats
    """Shape (S,)."""
    temperature: float
    """Divides the scores so that a probability is a frequency; fitted on texts that training did not see."""

    def save(self, path: Path) -> None:
        """Write to `path`, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{id(self)}.tmp")
        used = np.flatnonzero(np.abs(self.sparse).max(axis=1) > 0).astype(np.int32)
        with unfinished.open("wb") as file:
            np.savez(file, labels=np.array(self.labels), dense=self.dense, used=used, sparse=self.sparse[used],
                     bias=self.bias, rarity=self.rarity, temperature=np.float32(self.temperature))  # fmt: skip
        with around("classifier.save"):
            unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Weights | None":
        """What `save` wrote, or None when there is nothing whole to be read."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                whole = np.zeros((len(stored["rarity"]), len(stored["labels"])), dtype=np.float32)
                whole[stored["used"]] = stored["sparse"]
                labels = tuple(str(label) for label in stored["labels"])
                temperature = float(stored["temperature"])
                return cls(labels, stored["dense"], whole, stored["bias"], stored["rarity"], temperature)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None


@dataclass(frozen=True)
class Guess:
    """Calibrated probabilities of all labels, most likely first; they add up to 1."""

    ranked: tuple[tuple[str, float], ...]

    @property
    def label(self) -> str:
        return self.ranked[0][0]

    @property
    def probability(self) -> float:
        return self.ranked[0][1]

    def of(self, label: str) -> float:
        """The probability of `label`."""
        return next((probability for name, probability in self.ranked if name == label), 0.0)

    def without(self, labels: Collection[str]) -> "Guess":
        """The guess when it is known to be none of `labels`."""
        left = [(label, probability) for label, probability in self.ranked if label not in labels]
        total = sum(probability for _, probability in left) or 1.0
        return Guess(tuple((label, probability / total) for label, probability in left))


class Classifier:
    """Texts to labels with probabilities."""

    def __init__(self, weights: Weights, embedding: Embedding, words: Words | None) -> None:
        self._weights = weights
        self._embedding = embedding
        self._words = words

    def prepare(self, text: str) -> Prepared:
        return prepare(text, self._words)

    def guess(self, texts: Sequence[Prepared]) -> list[Guess]:
        """One guess per text, in order."""
        if not texts:
            return []
        weights = self._weights
        scores = dense(texts, self._embedding) @ weights.dense + weights.bias
        for row, text in enumerate(texts):
            places, values = sparse(text).scaled(weights.rarity)
            scores[row] += values @ weights.sparse[places]
        return [_guess(weights.labels, row) for row in softmax(scores / weights.temperature)]


def _guess(labels: Sequence[str], probabilities: Floats) -> Guess:
    order = np.argsort(-probabilities)
    return Guess(tuple((labels[place], float(probabilities[place])) for place in order))


def softmax(scores: Floats) -> Floats:
    """Row-wise."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)
