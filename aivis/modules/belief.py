"""The arithmetic of belief: exactly one hypothesis is true, and evidence moves probability between them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log2

NOTHING_WRONG = "nothing-wrong"
UNKNOWN_CAUSE = "unknown-cause"

Belief = Mapping[str, float]
"""Probability of each hypothesis; they sum to 1."""

_FLOOR = 1e-9
"""No hypothesis is ever quite impossible: later evidence may bring it back."""


@dataclass(frozen=True)
class Evidence:
    """A condition that came out true or false."""

    speaks_for: str
    """The hypothesis whose condition it is."""
    true: bool
    sure: float
    """P(true | the hypothesis holds)."""
    alarm: float
    """P(true | another holds)."""

    def likelihood(self, hypothesis: str) -> float:
        """P(this outcome | `hypothesis`)."""
        chance = self.sure if hypothesis == self.speaks_for else self.alarm
        return chance if self.true else 1 - chance


def normalised(weights: Mapping[str, float]) -> Belief:
    """`weights` (each >= 0, one above) as probabilities."""
    raised = {name: max(weight, _FLOOR) for name, weight in weights.items()}
    total = sum(raised.values())
    return {name: weight / total for name, weight in raised.items()}


def update(belief: Belief, evidence: Evidence) -> Belief:
    """Bayes' rule; evidence on a hypothesis that is not among them speaks against all alike and changes nothing."""
    return normalised({name: share * evidence.likelihood(name) for name, share in belief.items()})


def updated(belief: Belief, evidence: Iterable[Evidence]) -> Belief:
    """Bayes' rule for each in turn; the order does not matter."""
    for each in evidence:
        belief = update(belief, each)
    return belief


def entropy(belief: Belief) -> float:
    """Uncertainty in bits."""
    return -sum(share * log2(share) for share in belief.values() if share > 0)
