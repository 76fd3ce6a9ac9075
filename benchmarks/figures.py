"""A figure, and how it stands against what was promised."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    AIM = "aim met"
    MUST = "met"
    MISSED = "MISSED"
    NONE = ""
    """Nothing was promised."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured value, less being better, beside what the machine itself takes for the least of it."""

    name: str
    stack: str
    value: float
    unit: str
    limit: float | None = None
    """The machine's own, measured in the same run, in the same unit."""
    limit_is: str = ""
    """What was measured as the limit."""
    judged: float | None = None
    """What `must` and `aim` speak of, where that is not the value: mostly the ratio to the limit."""
    must: float | None = None
    aim: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.limit if self.limit else None

    @property
    def verdict(self) -> Verdict:
        judged = self.value if self.judged is None else self.judged
        if self.must is None:
            return Verdict.NONE
        if judged > self.must:
            return Verdict.MISSED
        return Verdict.AIM if self.aim is not None and judged <= self.aim else Verdict.MUST
