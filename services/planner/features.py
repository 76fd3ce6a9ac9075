"""Texts as numbers: a sentence embedding, and hashed counts of concepts, words and pieces of words.

The embedding knows meaning but only English; the pieces survive typos; the concepts carry the domain's own words
across languages.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

from services.planner.concepts import Found, Lexicon
from services.planner.ports import Embedding
from services.planner.wishes import Mood, mood

VERSION = 2
"""Raised when the same text gives other features: what was trained before is then trained anew."""

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int32]

_PIECES, _WORDS, _CONCEPTS = 1 << 15, 1 << 14, 1 << 13
_WEIGHTS = {"embedding": 1.5, "pieces": 0.7, "words": 0.5, "concepts": 1.0}
"""Length of each part's vector. Chosen by cross-validation on the cloud domain's examples."""
SPARSE = _PIECES + _WORDS + _CONCEPTS
_RUN = re.compile(r"[\u3400-\u9fff]+|[^\s\u3400-\u9fff]+")
_WORD = re.compile(r"[a-z0-9']+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Prepared:
    """A text, ready for its features to be taken."""

    text: str
    english: str
    concepts: tuple[str, ...]
    terms: tuple[str, ...] = ()
    """The concepts as they count: a doing with its mood."""


@dataclass(frozen=True)
class Sparse:
    """The parts of a text that are counted: places below `SPARSE`, and their weights; not yet scaled by rarity."""

    parts: tuple[tuple[Places, Floats, float], ...]
    """Per part: places, counts (damped), and the length its vector shall have."""

    def scaled(self, rarity: Floats) -> tuple[Places, Floats]:
        """Places and values, each part scaled by `rarity` (shape SPARSE) and brought to its length."""
        places, values = [], []
        for at, counts, length in self.parts:
            scaled = counts * rarity[at]
            norm = float(np.linalg.norm(scaled))
            places.append(at)
            values.append(scaled * (length / norm) if norm else scaled)
        return np.concatenate(places), np.concatenate(values).astype(np.float32)


@dataclass(frozen=True)
class Words:
    """What a domain knows of words."""

    lexicon: Lexicon
    doings: frozenset[str]
    """The concepts whose mood counts: "restart it" and "we restarted it" are different things."""


def prepare(text: str, words: Words | None) -> Prepared:
    """`text` mended, with its concepts and its gloss; without `words`, of another domain, the text as it is."""
    if words is None:
        return Prepared(text, text, ())
    mended = words.lexicon.mend(text)
    found = words.lexicon.find(mended)
    terms = [term for each in found for term in _terms(each, mended, found, words.doings)]
    english = words.lexicon.gloss(mended, found)
    return Prepared(mended, english, tuple(each.concept for each in found), tuple(terms))


def _terms(each: Found, text: str, found: Sequence[Found], doings: frozenset[str]) -> list[str]:
    if each.concept not in doings:
        return [each.concept]
    how = mood(each, text, found)
    own = f"{each.concept} {how}"
    return [own] if how in (Mood.TOLD, Mood.FORBIDDEN) else [each.concept, own]


def dense(prepared: Sequence[Prepared], embedding: Embedding) -> Floats:
    """Shape (n, dimensions)."""
    vectors = embedding.embed([each.english for each in prepared])
    return np.asarray(vectors * _WEIGHTS["embedding"], dtype=np.float32)


def sparse(prepared: Prepared) -> Sparse:
    english = _DIGIT.sub("0", prepared.english.lower())
    text = english if english.strip() else _DIGIT.sub("0", prepared.text.lower())
    han = _pieces(prepared.text) if _HAN.search(prepared.text) else []
    return Sparse(
        (
            _part([*_pieces(text), *han], _PIECES, 0, _WEIGHTS["pieces"]),
            _part(_words(text), _WORDS, _PIECES, _WEIGHTS["words"]),
            _part(_concepts(prepared.terms), _CONCEPTS, _PIECES + _WORDS, _WEIGHTS["concepts"]),
        )
    )


def rarity(texts: Sequence[Sparse]) -> Floats:
    """Inverse document frequency of every place, shape (SPARSE,)."""
    counts = np.zeros(SPARSE)
    for text in texts:
        for places, _, _ in text.parts:
            counts[places] += 1
    return np.asarray(np.log((1 + len(texts)) / (1 + counts)) + 1, dtype=np.float32)


def _part(terms: Iterable[str], size: int, offset: int, length: float) -> tuple[Places, Floats, float]:
    counts = Counter(zlib.crc32(term.encode()) % size + offset for term in terms)
    places = np.fromiter(counts.keys(), dtype=np.int32, count=len(counts))
    values = np.log1p(np.fromiter(counts.values(), dtype=np.float32, count=len(counts)))
    return places, values.astype(np.float32), length


def _pieces(text: str) -> list[str]:
    found = []
    for run in _RUN.findall(text):
        sizes = (1, 2, 3) if _HAN.match(run) else (2, 3, 4, 5)
        padded = run if _HAN.match(run) else f" {run} "
        found += [padded[at : at + size] for size in sizes for at in range(len(padded) - size + 1)]
    return found


def _words(text: str) -> list[str]:
    words = _WORD.findall(text)
    return [*words, *(f"{left} {right}" for left, right in pairwise(["<", *words, ">"]))]


def _concepts(concepts: Sequence[str]) -> list[str]:
    once = tuple(dict.fromkeys(concepts))
    return [*(once or ("(none)",)), *(f"{left} {right}" for left, right in combinations(once[:14], 2))]
