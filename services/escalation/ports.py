"""What the service needs besides its mailbox: a table of figures, one row a case."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.escalation.record import CaseFigures


@dataclass(frozen=True)
class Kept:
    """A case's row, as of its mailbox key's `version`."""

    tenant: str
    case: str
    version: int
    updated_at: datetime
    opened_at: datetime
    figures: CaseFigures


@dataclass(frozen=True)
class Group:
    """Sums over the cases of one tenant, scenario, outcome and independence."""

    tenant: str
    scenario: str
    outcome: str
    independent: bool
    cases: int
    escalated: int
    reopened: int
    proposals: int
    adopted: int
    effects: int
    effects_right: int
    calls: int
    calls_right: int
    responses: int
    response_seconds: float
    resolutions: int
    resolution_seconds: float


@dataclass(frozen=True)
class Spread:
    """Median and 90th percentile, in seconds; None without cases."""

    first_response: tuple[float | None, float | None]
    resolution: tuple[float | None, float | None]


class FigureStore(Protocol):
    """The table. `Transient` when its database does not answer; running a method again is safe."""

    async def open(self) -> None:
        """Connect, and create the table when it is missing."""

    async def close(self) -> None: ...

    async def ping(self) -> None:
        """Raise `Transient` unless the database answers."""

    async def keep(self, rows: Sequence[Kept]) -> None:
        """Put rows in place of the cases' earlier ones, durably; a row older than the one there changes nothing."""

    async def latest(self) -> datetime | None:
        """When the case that was kept last had changed; None while there is none."""

    async def groups(self, tenants: Sequence[str] | None, *, since: datetime) -> list[Group]:
        """Sums over the cases of `tenants` (None: all) opened since then."""

    async def spread(self, tenants: Sequence[str] | None, *, since: datetime) -> Spread: ...
