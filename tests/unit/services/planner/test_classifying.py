"""The classifier: trained, kept, served from plain arrays."""

import sys
from pathlib import Path

import numpy as np
import pytest

from services.planner.classifying import Classifier, Guess, Weights
from services.planner.features import prepare
from services.planner.training import train
from tests.unit.services.planner.desk import Mute

TEXTS = {
    "cat": ["the cat purrs", "a cat sleeps", "my cat purrs", "cats sleep a lot", "the cat drinks milk"],
    "dog": ["the dog barks", "a dog runs", "my dog barks", "dogs run a lot", "the dog fetches sticks"],
    "cow": ["the cow moos", "a cow grazes", "my cow gives milk", "cows graze", "the cow moos loudly"],
}


def weights(*labels: str) -> Weights:
    rows = [(text, label) for label in labels for text in TEXTS[label]]
    return train([prepare(text, None) for text, _ in rows], [label for _, label in rows], Mute())


def guess(own: Weights, text: str) -> Guess:
    classifier = Classifier(own, Mute(), None)
    return classifier.guess([classifier.prepare(text)])[0]


@pytest.mark.parametrize("labels", [("cat", "dog"), ("cat", "dog", "cow")])
def test_a_new_text_gets_the_label_of_its_like_and_probabilities_add_up(labels: tuple[str, ...]) -> None:
    for label in labels:
        found = guess(weights(*labels), f"my {label}")
        assert found.label == label
        assert sum(probability for _, probability in found.ranked) == pytest.approx(1, abs=1e-5)
        assert [p for _, p in found.ranked] == sorted((p for _, p in found.ranked), reverse=True)


def test_what_is_kept_guesses_the_same(tmp_path: Path) -> None:
    own = weights("cat", "dog", "cow")
    own.save(tmp_path / "deep" / "own.npz")
    kept = Weights.load(tmp_path / "deep" / "own.npz")
    assert kept is not None
    assert guess(kept, "a dog purrs") == guess(own, "a dog purrs")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["own.npz"]


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04broken"])
def test_a_broken_file_is_no_classifier(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "own.npz").write_bytes(content)
    assert Weights.load(tmp_path / "own.npz") is None
    assert Weights.load(tmp_path / "absent.npz") is None


def test_serving_needs_no_training_library() -> None:
    source = Path(sys.modules["services.planner.classifying"].__file__ or "").read_text()
    assert "sklearn" not in source
    assert "scipy" not in source


def test_a_guess_without_some_labels_is_spread_over_the_rest() -> None:
    left = Guess((("a", 0.6), ("b", 0.3), ("c", 0.1))).without(("a",))
    assert left.label == "b"
    assert left.probability == pytest.approx(0.75)
    assert left.of("a") == 0


def test_no_text_gets_no_guess() -> None:
    assert Classifier(weights("cat", "dog"), Mute(), None).guess([]) == []
    assert np.isfinite(guess(weights("cat", "dog"), "").probability)
