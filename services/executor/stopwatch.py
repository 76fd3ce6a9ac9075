"""How long ago effects were called, as this process has seen it by a clock that nobody sets.

A clock that is set in between must not make a call look older or younger than it is: looked up too early, or called
again too late, it may happen twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from aivis.mailbox.values import Key

_MOST = 20_000
"""Effects remembered; of one that is forgotten only less is known."""


@dataclass(frozen=True)
class Elapsed:
    """What is certain of the time since an effect was called."""

    least: timedelta
    """Since the latest call, or since it was found here after another process had made it: at least so long."""
    most: timedelta | None
    """Since the earliest call in doubt: at most so long. None: another process made it."""


class Stopwatch:
    """Remembers when this process called an effect, or first saw that another had."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds; nobody sets it, and it goes on while the machine sleeps."""
        self._clock = clock
        self._seen: dict[Key, tuple[float, float | None]] = {}

    def called(self, key: Key, *, again: bool) -> None:
        """An effect is about to be called; `again`, when an earlier call is in doubt."""
        now = self._clock()
        self._keep(key, (now, self._seen.get(key, (now, None))[1] if again else now))

    def forget(self, key: Key) -> None:
        self._seen.pop(key, None)

    def elapsed(self, key: Key) -> Elapsed:
        now = self._clock()
        if key not in self._seen:
            self._keep(key, (now, None))
        latest, first = self._seen[key]
        return Elapsed(timedelta(seconds=now - latest), None if first is None else timedelta(seconds=now - first))

    def _keep(self, key: Key, seen: tuple[float, float | None]) -> None:
        self._seen[key] = seen
        while len(self._seen) > _MOST:
            del self._seen[next(iter(self._seen))]
