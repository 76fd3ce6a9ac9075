"""The database's clock, as a process of its service knows it without asking each time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

_JITTER = timedelta(seconds=0.25)
"""Nearer than this what the database says is our own reading: time does not go back by what a query takes."""


def utc() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


class DatabaseClock:
    """What the database said last, and how long ago that was by a clock that nobody sets.

    So the processes of a service agree, and a step of one machine's clock is nothing to them.
    """

    def __init__(self, *, elapsed: Callable[[], float] = monotonic, begin: Callable[[], datetime] = utc) -> None:
        """Until the database has said anything, it goes on from `begin`. `elapsed` is in seconds."""
        self._elapsed = elapsed
        self._said, self._at = begin(), elapsed()

    def now(self) -> datetime:
        return self._said + timedelta(seconds=self._elapsed() - self._at)

    def told(self, said: datetime, *, took: float) -> None:
        """The database says what time it is; asking took so many seconds."""
        if abs(said - self.now()) > _JITTER + timedelta(seconds=took):
            self._said, self._at = said, self._elapsed()
