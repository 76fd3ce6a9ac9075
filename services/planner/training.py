"""Training of a classifier on texts with labels; the only place that needs scikit-learn, and only while it runs."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.planner.classifying import Weights, softmax
from services.planner.features import SPARSE, Floats, Prepared, dense, rarity, sparse
from services.planner.ports import Embedding

_STRENGTH = 30.0
"""Inverse of the penalty on a logistic regression's weights; by cross-validation on the cloud domain's examples."""
_MANY = 3_000
"""Texts from which on the inner products of all with all are too many: one linear machine a label is trained then."""
_FOLDS = 3
_TEMPERATURES = np.geomspace(0.02, 5, 90)

Doubles = npt.NDArray[np.float64]
Labels = npt.NDArray[np.str_]
Fit = Callable[[Any, Labels], tuple[tuple[str, ...], Doubles, Doubles]]
"""Rows and labels to names, weights (columns of the rows, names) and bias (names)."""


@dataclass(frozen=True)
class Table:
    """Texts as numbers: n rows, the embedding's D columns and the S of what is counted."""

    dense: Floats
    counts: Any
    """A scipy matrix, shape (n, S)."""
    rarity: Floats

    def whole(self) -> Any:
        """All columns side by side, shape (n, D + S), sparse."""
        from scipy.sparse import csr_matrix, hstack

        return hstack([csr_matrix(self.dense), self.counts]).tocsr()


def table(texts: Sequence[Prepared], embedding: Embedding, *, scale: Floats | None = None) -> Table:
    """The features of `texts`; `scale` is the rarity found on others, when these are not to be learnt from."""
    from scipy.sparse import csr_matrix

    counted = [sparse(text) for text in texts]
    own = rarity(counted) if scale is None else scale
    rows = [text.scaled(own) for text in counted]
    starts = np.cumsum([0, *(len(places) for places, _ in rows)])
    places = np.concatenate([places for places, _ in rows])
    values = np.concatenate([values for _, values in rows])
    return Table(dense(texts, embedding), csr_matrix((values, places, starts), shape=(len(texts), SPARSE)), own)


def train(texts: Sequence[Prepared], labels: Sequence[str], embedding: Embedding) -> Weights:
    """The classifier of `texts`; at least two different labels."""
    features = table(texts, embedding)
    return _of_many(features, np.asarray(labels)) if len(texts) > _MANY else _of_few(features, np.asarray(labels))


def _of_few(features: Table, labels: Labels) -> Weights:
    """Logistic regression on as many columns as there are texts: a linear model of them is one of their products."""
    products = features.dense @ features.dense.T + (features.counts @ features.counts.T).toarray()
    strength, turned = np.linalg.eigh(products.astype(np.float64))
    kept = strength > 1e-6 * strength[-1]
    axes = turned[:, kept] / np.sqrt(strength[kept])
    rows = turned[:, kept] * np.sqrt(strength[kept])
    names, weights, bias = _regression(rows, labels)
    own = axes @ weights
    both = np.vstack([features.dense.T @ own, features.counts.T @ own])
    return _weights(features, names, both, bias, _temperature(rows, labels, _regression, _FOLDS))


def _of_many(features: Table, labels: Labels) -> Weights:
    rows = features.whole()
    names, weights, bias = _machines(rows, labels)
    return _weights(features, names, weights, bias, _temperature(rows, labels, _machines, 1))


def _weights(features: Table, names: tuple[str, ...], weights: Doubles, bias: Doubles, temperature: float) -> Weights:
    size = features.dense.shape[1]
    return Weights(
        labels=names,
        dense=np.asarray(weights[:size], dtype=np.float32),
        sparse=np.asarray(weights[size:], dtype=np.float32),
        bias=np.asarray(bias, dtype=np.float32),
        rarity=features.rarity,
        temperature=temperature,
    )


def _regression(rows: Any, labels: Labels) -> tuple[tuple[str, ...], Doubles, Doubles]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_STRENGTH, max_iter=300, tol=1e-3).fit(rows, labels)
    return _named(model)


def _machines(rows: Any, labels: Labels) -> tuple[tuple[str, ...], Doubles, Doubles]:
    from sklearn.svm import LinearSVC

    return _named(LinearSVC(C=1).fit(rows, labels))


def _named(model: Any) -> tuple[tuple[str, ...], Doubles, Doubles]:
    weights, bias = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:  # two labels have one column: the score of the second
        weights, bias = np.hstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    return tuple(str(name) for name in model.classes_), weights, bias


def _temperature(rows: Any, labels: Labels, fit: Fit, folds: int) -> float:
    """The temperature under which guesses on unseen texts are likeliest; 1 where labels are too few to hold any out."""
    if min(Counter(labels.tolist()).values()) < 2:
        return 1.0
    scores, own = [], []
    for fold in range(folds):
        held_out = fold_of(labels, fold, max(folds, 4))
        names, weights, bias = fit(rows[~held_out], labels[~held_out])
        places = {name: place for place, name in enumerate(names)}
        scores.append(rows[held_out] @ weights + bias)
        own.append([places[str(label)] for label in labels[held_out]])
    all_scores, right = np.concatenate(scores).astype(np.float32), np.concatenate(own).astype(np.intp)
    losses = [_loss(all_scores / temperature, right) for temperature in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def fold_of(labels: Labels, fold: int, folds: int) -> npt.NDArray[np.bool_]:
    """The rows of `fold`: every so many-th of each label, so that each label is in every fold."""
    seen: Counter[str] = Counter()
    held_out = np.zeros(len(labels), dtype=bool)
    for row, label in enumerate(labels.tolist()):
        held_out[row] = seen[label] % folds == fold
        seen[label] += 1
    return held_out


def _loss(scores: Floats, right: npt.NDArray[np.intp]) -> float:
    return float(-np.log(softmax(scores)[np.arange(len(right)), right] + 1e-9).mean())
