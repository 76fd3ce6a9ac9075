"""Training of a classifier on texts with labels; the only place that needs scikit-learn, and only while it runs."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.planner.classifying import Weights, softmax
from services.planner.features import SPARSE, Floats, Prepared, dense, rarity, sparse
from services.planner.ports import Embedding

_STRENGTH = 30.0
"""Inverse of the penalty on weights; by cross-validation on the cloud domain's examples."""
_FOLDS = 3
_TEMPERATURES = np.geomspace(0.2, 5, 60)


def train(texts: Sequence[Prepared], labels: Sequence[str], embedding: Embedding) -> Weights:
    """The classifier of `texts`; at least two different labels."""
    from scipy.sparse import csr_matrix

    counted = [sparse(text) for text in texts]
    scale = rarity(counted)
    rows = [text.scaled(scale) for text in counted]
    starts = np.cumsum([0, *(len(places) for places, _ in rows)])
    places = np.concatenate([places for places, _ in rows])
    counts = csr_matrix((np.concatenate([values for _, values in rows]), places, starts), shape=(len(texts), SPARSE))
    embedded = dense(texts, embedding)
    # A linear model of the texts is one of their inner products: a few hundred columns instead of fifty thousand.
    products = embedded @ embedded.T + (counts @ counts.T).toarray()
    strength, turned = np.linalg.eigh(products.astype(np.float64))
    kept = strength > 1e-6 * strength[-1]
    axes = turned[:, kept] / np.sqrt(strength[kept])
    reduced = turned[:, kept] * np.sqrt(strength[kept])
    names, weights, bias, temperature = _fitted(reduced, np.asarray(labels))
    own = axes @ weights
    return Weights(
        labels=names,
        dense=np.asarray(embedded.T @ own, dtype=np.float32),
        sparse=np.asarray(counts.T @ own, dtype=np.float32),
        bias=np.asarray(bias, dtype=np.float32),
        rarity=scale,
        temperature=temperature,
    )


_Doubles = npt.NDArray[np.float64]


def _fitted(rows: _Doubles, labels: npt.NDArray[np.str_]) -> tuple[tuple[str, ...], _Doubles, _Doubles, float]:
    """Names, weights (columns of `rows`, names), bias, temperature."""
    names, weights, bias = _regression(rows, labels)
    return names, weights, bias, _temperature(rows, labels)


def _regression(rows: _Doubles, labels: npt.NDArray[np.str_]) -> tuple[tuple[str, ...], _Doubles, _Doubles]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_STRENGTH, max_iter=300, tol=1e-3).fit(rows, labels)
    weights, bias = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:  # two labels have one column: the score of the second
        weights, bias = np.hstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    return tuple(str(name) for name in model.classes_), weights, bias


def _temperature(rows: _Doubles, labels: npt.NDArray[np.str_]) -> float:
    """The temperature under which guesses on unseen texts are likeliest; 1 where labels are too few to hold any out."""
    if min(Counter(labels.tolist()).values()) < 2:
        return 1.0
    scores, own = [], []
    for fold in range(_FOLDS):
        held_out = _fold(labels, fold)
        names, weights, bias = _regression(rows[~held_out], labels[~held_out])
        scores.append(rows[held_out] @ weights + bias)
        own.append([names.index(str(label)) for label in labels[held_out]])
    all_scores, right = np.concatenate(scores).astype(np.float32), np.concatenate(own)
    losses = [_loss(all_scores / temperature, right) for temperature in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _fold(labels: npt.NDArray[np.str_], fold: int) -> npt.NDArray[np.bool_]:
    """The rows of `fold`: every so many-th of each label, so that each label is in every fold."""
    seen: Counter[str] = Counter()
    held_out = np.zeros(len(labels), dtype=bool)
    for row, label in enumerate(labels.tolist()):
        held_out[row] = seen[label] % _FOLDS == fold
        seen[label] += 1
    return held_out


def _loss(scores: Floats, right: npt.NDArray[np.intp]) -> float:
    return float(-np.log(softmax(scores)[np.arange(len(right)), right] + 1e-9).mean())
