"""The figures a decision turns on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aivis.toolkit.declaration import Risk


@dataclass(frozen=True)
class Tuning:
    """Utilities are in the units of a check's cost: the cheapest look costs 1."""

    unknown_prior: float = 0.05
    """Share of the tickets whose cause no module knows."""
    nothing_prior: float = 0.05
    """Share of the tickets with nothing wrong, where no module says it."""
    off_symptom: float = 0.2
    """Factor on the prior of a fault that serves the intent but explains none of the symptoms."""
    act: Mapping[Risk, float] = field(
        default_factory=lambda: {Risk.READ: 0.8, Risk.REVERSIBLE: 0.85, Risk.DESTRUCTIVE: 0.95}
    )
    """Belief that is enough to act at once, by the risk of acting."""
    likely: float = 0.5
    """Belief in a fault that is enough to report it when no look is left."""
    accept_nothing_wrong: float = 0.9
    """Belief that is enough to stop looking."""
    least_nothing_wrong: float = 0.6
    """Belief in 'nothing wrong' that is enough when no look is left."""
    least_bits: float = 0.02
    """A look that tells less is not worth its call."""
    side_by_side: float = 0.8
    """Looks at other causes run along when they tell at least this share of what the best one tells per cost."""
    most_at_once: int = 3
    solved: float = 100
    """What a mended fault is worth."""
    person: float = 30
    """What handing over is worth: it is mended too, but late and by someone's time."""
    harm: Mapping[Risk, float] = field(
        default_factory=lambda: {Risk.READ: 0, Risk.REVERSIBLE: 10, Risk.DESTRUCTIVE: 60}
    )
    """What a remedy costs that does not help."""
    most_failures: int = 2
    """A look that fails this often is given up."""


DEFAULT = Tuning()
