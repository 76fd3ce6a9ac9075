"""Whether the endpoint may be asked: after a failure it is left alone for a while, then one question finds out."""

from collections.abc import Callable
from datetime import datetime, timedelta

from services.reasoner.brains.model.ports import Unavailable

PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=5)
"""However long the endpoint asks to be left alone."""


class Circuit:
    """Remembers how the last question went."""

    def __init__(self, now: Callable[[], datetime], pause: timedelta = PAUSE) -> None:
        """`pause`: for how long the endpoint is left alone when it does not ask for longer."""
        self._now = now
        self._pause = pause
        self._until: datetime | None = None
        self.trouble = ""
        """What was wrong at the last question; empty when nothing was."""

    def admit(self) -> None:
        """`Unavailable` while the endpoint is left alone; behind the one that is let through the others wait."""
        if self._until is None:
            return
        if self._now() < self._until:
            raise Unavailable(f"{self.trouble}; it is left alone until {self._until:%H:%M:%S}")
        self._until = self._now() + self._pause

    def failed(self, trouble: str, seconds: float = 0) -> None:
        """Leave it alone, for `seconds` if it asked so."""
        self.trouble = trouble
        self._until = self._now() + min(max(self._pause, timedelta(seconds=seconds)), LONGEST_PAUSE)

    def answered(self) -> None:
        self.trouble = ""
        self._until = None


class Circuits:
    """A circuit for each tenant: whose questions hang does not silence the model for the others."""

    def __init__(self, now: Callable[[], datetime], pause: timedelta = PAUSE) -> None:
        self._now = now
        self._pause = pause
        self._of: dict[str, Circuit] = {}

    def of(self, tenant: str) -> Circuit:
        return self._of.setdefault(tenant, Circuit(self._now, self._pause))

    @property
    def trouble(self) -> str:
        """What is wrong with somebody's questions; empty when nothing is."""
        return next((circuit.trouble for circuit in self._of.values() if circuit.trouble), "")
