"""What the evaluations of text classifiers share: files of texts with labels, a classifier trained on them, scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aivis.embedding import shared_embedder
from aivis.errors import Invalid
from learning.evaluation.files import rows
from services.planner.classifying import Classifier
from services.planner.features import prepare
from services.planner.training import train


@dataclass(frozen=True)
class Labelled:
    """Texts with one label each."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]


def labelled(path: Path, field: str) -> Labelled:
    """The texts of a file, with what is in `field`; `Invalid` names what is missing."""
    found = list(rows(path, needs=("text", field)))
    if not found:
        raise Invalid(f"{path}: has no lines: give one object with text and {field} a line")
    return Labelled(tuple(str(row["text"]) for row in found), tuple(str(row[field]) for row in found))


def classifier(known: Labelled) -> Classifier:
    """The planner's classifier, trained on `known` alone: no words of any domain are behind it."""
    if len(set(known.labels)) < 2:
        raise Invalid("the file to learn from has a single label: there is nothing to tell apart")
    texts = [prepare(text, None) for text in known.texts]
    return Classifier(train(texts, known.labels, shared_embedder()), shared_embedder(), None)


def macro_f1(truth: Sequence[str], said: Sequence[str]) -> float:
    """The mean over the labels in `truth` of the harmonic mean of precision and recall."""
    scores = []
    for label in sorted(set(truth)):
        both = sum(right == label == guess for right, guess in zip(truth, said, strict=True))
        total = sum(right == label for right in truth) + sum(guess == label for guess in said)
        scores.append(2 * both / total)
    return float(np.mean(scores))


def share(hits: Sequence[bool]) -> float:
    """The share of true ones; 0 of nothing."""
    return sum(hits) / len(hits) if hits else 0.0
