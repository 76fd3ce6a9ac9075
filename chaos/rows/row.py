"""A row: what it breaks, and what came of it."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from chaos.judge import Verdict
from chaos.stack import Opening


@dataclass
class Landed:
    """The faults of a row that provably happened, and those that should have."""

    faults: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What should not have happened meanwhile, and the judge cannot see."""


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


Play = Callable[[Path, int, Opening], Coroutine[None, None, Outcome]]
"""Plays a row in a folder of its own, from a seed, on the stack that the opening starts."""


class On(StrEnum):
    """What the stack of a row runs on."""

    EMBEDDED = "embedded"
    """Tansu and SQLite."""
    SERVERS = "servers"
    """Three Kafka brokers and PostgreSQL."""


BOTH = (On.EMBEDDED, On.SERVERS)


@dataclass(frozen=True)
class Row:
    """A family of faults."""

    name: str
    says: str
    play: Play
    on: tuple[On, ...] = (On.EMBEDDED,)


@dataclass(frozen=True)
class Result:
    """A row that was played."""

    row: Row
    on: On
    outcome: Outcome
    seconds: float
