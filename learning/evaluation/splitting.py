"""How well all that a text asks is found: `aivis eval splitting --train F --test F`.

Files: `{"text", "intents": [...]}` a line. One machine a label on the planner's features; a label holds when its score
is over a threshold that is chosen on a part of the texts to learn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aivis.embedding import shared_embedder
from aivis.errors import Invalid
from learning.evaluation.files import rows
from services.planner.features import Floats, prepare
from services.planner.training import table

_FOLDS = 5
_THRESHOLDS = np.linspace(-1, 0.5, 31)

Truth = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """Texts, with all that each asks."""

    texts: tuple[str, ...]
    intents: tuple[frozenset[str], ...]


def asked(path: Path) -> Asked:
    """The texts of a file; `Invalid` names what is missing."""
    found = list(rows(path, needs=("text", "intents")))
    if not found:
        raise Invalid(f"{path}: has no lines: give one object with text and intents a line")
    return Asked(
        tuple(str(row["text"]) for row in found),
        tuple(frozenset(str(each) for each in row["intents"]) for row in found),
    )


def evaluate(train: Path, test: Path) -> dict[str, float]:
    """The figures of design section 11 for these files."""
    known, unseen = asked(train), asked(test)
    labels = sorted(frozenset().union(*known.intents))
    if not labels:
        raise Invalid(f"{train}: no text has an intent")
    learnt, scale = _rows(known.texts)
    truth = _truth(known.intents, labels)
    held_out = np.arange(len(truth)) % _FOLDS == 0
    trial = _scores(learnt[~held_out], truth[~held_out], learnt[held_out])
    threshold = max(_THRESHOLDS, key=lambda each: micro_f1(truth[held_out], trial > each))
    scores = _scores(learnt, truth, _rows(unseen.texts, scale)[0])
    said = scores > threshold
    # What the texts to learn from never ask cannot be found: it counts as missed.
    beyond = sum(len(intents - set(labels)) for intents in unseen.intents)
    right = _truth(unseen.intents, labels)
    exact = [
        bool((guess == row).all()) and intents <= set(labels)
        for guess, row, intents in zip(said, right, unseen.intents, strict=True)
    ]
    return {"exact_match": float(np.mean(exact)), "micro_f1": micro_f1(right, said, missed=beyond)}


def micro_f1(truth: Truth, said: Truth, *, missed: int = 0) -> float:
    """Harmonic mean of precision and recall over all labels of all texts, shape (n, K) each."""
    total = int(truth.sum() + said.sum()) + missed
    return 2 * int((truth & said).sum()) / total if total else 1.0


def _rows(texts: Sequence[str], scale: Floats | None = None) -> tuple[Any, Floats]:
    features = table([prepare(text, None) for text in texts], shared_embedder(), scale=scale)
    return features.whole(), features.rarity


def _truth(intents: Sequence[frozenset[str]], labels: Sequence[str]) -> Truth:
    return np.array([[label in own for label in labels] for own in intents])


def _scores(learnt: Any, truth: Truth, unseen: Any) -> npt.NDArray[np.float64]:
    """The score of each label for each unseen text; a label that all or none of the texts have needs no machine."""
    from sklearn.svm import LinearSVC

    scores = np.full((unseen.shape[0], truth.shape[1]), -np.inf)
    for place in range(truth.shape[1]):
        own = truth[:, place]
        if own.any() and not own.all():
            scores[:, place] = LinearSVC(C=1).fit(learnt, own).decision_function(unseen)
        elif own.all():
            scores[:, place] = np.inf
    return scores
