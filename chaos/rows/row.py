"""A row: what it breaks, and what came of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from chaos.judge import Verdict
from chaos.load import Load
from chaos.stack import Stack


@dataclass
class Landed:
    """The faults of a row that provably happened, and those that should have."""

    faults: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A family of faults, and who lands them: `strike` returns when the last has landed, the load still running."""

    name: str
    says: str
    strike: Callable[[Stack, Load], Awaitable[Landed]]
    rate: float = 3
    """Tickets a second."""
    converge_seconds: float = 60


@dataclass(frozen=True)
class Result:
    """What came of a row."""

    row: Row
    landed: Landed
    running: bool
    """Whether tickets were still under way when the last fault had landed."""
    verdict: Verdict
    seconds: float

    @property
    def passed(self) -> bool:
        return bool(self.landed.faults) and not self.landed.missing and self.running and self.verdict.clean
