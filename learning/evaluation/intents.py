"""How well intents are told apart, and what is out of scope from them: `aivis eval intents --train F --test F`.

Files: `{"text", "intent"}` a line; the intent `oos` is out of scope. The classifier is the planner's.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from learning.evaluation.texts import Labelled, classifier, labelled, macro_f1, share
from services.planner.classifying import Classifier, Guess

OUT_OF_SCOPE = "oos"
_FOLDS = 5
_BINS = 10
_BATCH = 64


@dataclass(frozen=True)
class Scored:
    """What was said to texts, beside the truth."""

    truth: tuple[str, ...]
    guesses: tuple[Guess, ...]

    def said(self, threshold: float) -> list[str]:
        """The labels, `oos` in place of one that is less sure than `threshold`."""
        return [guess.label if guess.probability >= threshold else OUT_OF_SCOPE for guess in self.guesses]


def evaluate(train: Path, test: Path) -> dict[str, float]:
    """The figures of design section 11 for these files."""
    known, asked = labelled(train, "intent"), labelled(test, "intent")
    threshold = _threshold(known) if OUT_OF_SCOPE in known.labels else 0.0
    trained = classifier(known)
    start = time.perf_counter()
    scored = Scored(asked.labels, guesses(trained, asked.texts))
    spent = time.perf_counter() - start
    return {**figures(scored, threshold), "ms_per_text": 1000 * spent / len(asked.texts)}


def guesses(trained: Classifier, texts: Sequence[str]) -> tuple[Guess, ...]:
    """One guess per text."""
    found: list[Guess] = []
    for place in range(0, len(texts), _BATCH):
        found += trained.guess([trained.prepare(text) for text in texts[place : place + _BATCH]])
    return tuple(found)


def figures(scored: Scored, threshold: float) -> dict[str, float]:
    """Shares between 0 and 1."""
    said = scored.said(threshold)
    right = [a == b for a, b in zip(scored.truth, said, strict=True)]
    inside = [hit for hit, label in zip(right, scored.truth, strict=True) if label != OUT_OF_SCOPE]
    outside = [hit for hit, label in zip(right, scored.truth, strict=True) if label == OUT_OF_SCOPE]
    refused = [label == OUT_OF_SCOPE for label, guess in zip(scored.truth, said, strict=True) if guess == OUT_OF_SCOPE]
    return {
        "accuracy": share(right),
        "macro_f1": macro_f1(scored.truth, said),
        "in_scope_accuracy": share(inside),
        "out_of_scope_recall": share(outside),
        "out_of_scope_precision": share(refused),
        "calibration_error": calibration_error(scored),
    }


def calibration_error(scored: Scored) -> float:
    """Mean distance between confidence and accuracy over tenths of confidence, weighted by how many fall in each."""
    sure = np.array([guess.probability for guess in scored.guesses])
    right = np.array([guess.label == label for guess, label in zip(scored.guesses, scored.truth, strict=True)])
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    gaps = [(bins == place).sum() * abs(sure[bins == place].mean() - right[bins == place].mean())
            for place in range(_BINS) if (bins == place).any()]  # fmt: skip
    return float(sum(gaps) / len(sure))


def _threshold(known: Labelled) -> float:
    """The confidence below which a text is out of scope, found on a part of `known` that training does not see.

    It maximises the mean of in-scope accuracy and out-of-scope recall.
    """
    places = [n for n in range(len(known.texts)) if n % _FOLDS == 0]
    kept = [n for n in range(len(known.texts)) if n % _FOLDS]
    part = Labelled(tuple(known.texts[n] for n in kept), tuple(known.labels[n] for n in kept))
    scored = Scored(tuple(known.labels[n] for n in places), guesses(classifier(part), [known.texts[n] for n in places]))

    def worth(threshold: float) -> float:
        found = figures(scored, threshold)
        return found["in_scope_accuracy"] + found["out_of_scope_recall"]

    return float(max(np.linspace(0, 0.9, 46), key=worth))
