"""Evaluations of text classifiers: on files small enough to know the answer."""

from pathlib import Path

import numpy as np
import orjson
import pytest

from aivis.errors import Invalid
from learning.evaluation import intents, scenario, splitting
from learning.evaluation.intents import Scored, calibration_error, figures
from learning.evaluation.texts import macro_f1
from services.planner.classifying import Guess

ROOMS = ["book a room", "reserve a room please", "I need a room", "a double room", "room for two", "a room tonight"]
FOOD = ["order a pizza", "I want a pizza", "pizza please", "bring a pizza", "one pizza", "pizza to go"]
ELSE = ["what is the time", "sing a song", "who are you", "how tall is a giraffe", "the moon is round"]


def file(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    return path


@pytest.fixture
def train(tmp_path: Path) -> Path:
    texts = [*((text, "room") for text in ROOMS), *((text, "food") for text in FOOD), *((text, "oos") for text in ELSE)]
    return file(tmp_path / "train.jsonl", [{"text": text, "intent": label} for text, label in texts])


def guess(label: str, probability: float) -> Guess:
    return Guess(((label, probability), ("rest", 1 - probability)))


def test_intents_are_learnt_and_scored(train: Path, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": "a room please", "intent": "room"},
        {"text": "a big pizza", "intent": "food"},
    ]
    found = intents.evaluate(train, file(tmp_path / "test.jsonl", rows))
    assert found["accuracy"] == found["in_scope_accuracy"] == found["macro_f1"] == 1
    assert found["ms_per_text"] > 0


def test_a_guess_under_the_threshold_is_out_of_scope() -> None:
    scored = Scored(("a", "b", "oos", "a"), (guess("a", 0.9), guess("a", 0.8), guess("b", 0.3), guess("a", 0.4)))
    found = figures(scored, 0.5)
    assert found["accuracy"] == 0.5
    assert found["in_scope_accuracy"] == pytest.approx(1 / 3)
    assert found["out_of_scope_recall"] == 1
    assert found["out_of_scope_precision"] == 0.5


def test_calibration_is_the_distance_between_confidence_and_accuracy() -> None:
    sure = Scored(("a", "a", "b", "b"), tuple(guess("a", 0.75) for _ in range(4)))
    assert calibration_error(sure) == pytest.approx(0.25)
    fair = Scored(("a", "a", "a", "b"), tuple(guess("a", 0.75) for _ in range(4)))
    assert calibration_error(fair) == pytest.approx(0)


def test_macro_f1_counts_every_label_alike() -> None:
    assert macro_f1(["a", "a", "a", "b"], ["a", "a", "a", "a"]) == pytest.approx((6 / 7 + 0) / 2)


def test_scenarios_are_learnt_and_scored(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": text, "scenario": "stay"} for text in ROOMS]
    rows += [{"text": text, "scenario": "eat"} for text in FOOD]
    train = file(tmp_path / "train.jsonl", rows)
    found = scenario.evaluate(train, file(tmp_path / "test.jsonl", [{"text": "the room", "scenario": "stay"}]))
    assert found == {"accuracy": 1, "macro_f1": 1}


def test_all_that_a_text_asks_is_found(tmp_path: Path) -> None:
    both = [f"{room} and {food}" for room, food in zip(ROOMS, FOOD, strict=True)]
    rows: list[dict[str, object]] = [{"text": text, "intents": ["room"]} for text in ROOMS]
    rows += [{"text": text, "intents": ["food"]} for text in FOOD]
    rows += [{"text": text, "intents": ["room", "food"]} for text in both]
    rows += [{"text": text, "intents": []} for text in ELSE]
    test: list[dict[str, object]] = [
        {"text": "a room and a pizza", "intents": ["food", "room"]},
        {"text": "the pizza", "intents": ["food"]},
    ]
    found = splitting.evaluate(file(tmp_path / "train.jsonl", rows), file(tmp_path / "test.jsonl", test))
    assert found == {"exact_match": 1, "micro_f1": 1}


def test_an_intent_that_was_never_learnt_counts_as_missed() -> None:
    truth = np.array([[True, False]])
    assert splitting.micro_f1(truth, truth) == 1
    assert splitting.micro_f1(truth, truth, missed=2) == pytest.approx(0.5)


@pytest.mark.parametrize("content", ["", '{"text": "a"}'])
def test_files_without_lines_or_labels_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "f.jsonl").write_text(content)
    for evaluate in (intents.evaluate, scenario.evaluate, splitting.evaluate):
        with pytest.raises(Invalid, match=r"f\.jsonl"):
            evaluate(tmp_path / "f.jsonl", tmp_path / "f.jsonl")


def test_a_single_label_is_nothing_to_tell_apart(tmp_path: Path) -> None:
    path = file(tmp_path / "f.jsonl", [{"text": "a", "scenario": "x"}, {"text": "b", "scenario": "x"}])
    with pytest.raises(Invalid, match="single label"):
        scenario.evaluate(path, path)
