"""What actions are carried out with, and how long things may take."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from aivis.artifacts import ArtifactStore
from aivis.events.actions import Autonomy
from aivis.places import SHARE, Places
from services.executor.policy import Policies
from services.executor.preparing import Preparer
from services.executor.stopwatch import Stopwatch


@dataclass(frozen=True)
class Bounds:
    """How long things may take; see `ExecutorSettings`."""

    retry: timedelta = timedelta(seconds=120)
    busy: timedelta = timedelta(seconds=120)
    settle: timedelta = timedelta(seconds=600)
    freeze: timedelta = timedelta(seconds=600)
    approval: timedelta = timedelta(hours=8)
    reask: timedelta = timedelta(minutes=5)


class ToolPlaces:
    """How many calls of each tool are under way at once, and whose: no more of a tenant than leaves others some."""

    def __init__(self, most: int, share: float = SHARE) -> None:
        self._most = most
        self._share = share
        self._of: dict[str, Places] = {}

    def __call__(self, tool: str) -> Places:
        return self._of.setdefault(tool, Places(self._most, share=self._share))


@dataclass(frozen=True)
class Means:
    """What actions are carried out with."""

    prepare: Preparer
    policies: Policies
    artifacts: ArtifactStore
    autonomy: Autonomy
    bounds: Bounds
    clock: Callable[[], float]
    """Seconds, for durations."""
    stopwatch: Stopwatch
    places: ToolPlaces = field(default_factory=lambda: ToolPlaces(1_000))
