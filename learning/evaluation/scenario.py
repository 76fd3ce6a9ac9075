"""How well scenarios are told apart: `aivis eval scenario --train F --test F`; `{"text", "scenario"}` a line."""

from pathlib import Path

from learning.evaluation.intents import guesses
from learning.evaluation.texts import classifier, labelled, macro_f1, share


def evaluate(train: Path, test: Path) -> dict[str, float]:
    """The figures of design section 11 for these files."""
    known, asked = labelled(train, "scenario"), labelled(test, "scenario")
    said = [guess.label for guess in guesses(classifier(known), asked.texts)]
    right = [label == guess for label, guess in zip(asked.labels, said, strict=True)]
    return {"accuracy": share(right), "macro_f1": macro_f1(asked.labels, said)}
