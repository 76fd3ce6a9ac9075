"""What actions are carried out with, and how long things may take."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from aivis.artifacts import ArtifactStore
from aivis.events.actions import Autonomy
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
