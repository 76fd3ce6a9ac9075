"""A row: what it breaks, and what came of it."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path

from chaos.judge import Verdict


@dataclass
class Landed:
    """The faults of a row that provably happened, and those that should have."""

    faults: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What came of a row."""

    landed: Landed
    running: bool
    """Whether work was still coming when the last fault had landed."""
    verdict: Verdict

    @property
    def passed(self) -> bool:
        return bool(self.landed.faults) and not self.landed.missing and self.running and self.verdict.clean


@dataclass(frozen=True)
class Row:
    """A family of faults; `play` plays it in a folder of its own, from a seed."""

    name: str
    says: str
    play: Callable[[Path, int], Coroutine[None, None, Outcome]]


@dataclass(frozen=True)
class Result:
    """A row that was played."""

    row: Row
    outcome: Outcome
    seconds: float
