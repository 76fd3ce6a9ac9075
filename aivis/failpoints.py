"""Failpoints: names for the moments around every commit, publish and call outward, at which a test lets things fail.

Each has a `.before` and an `.after`: of a commit, right before and right after it; of a call, before it is made and
when its answer has come. `AIVIS_TEST_FAILPOINTS=POINT=FAULT[@N],...` arms them for one process: at the Nth time that
POINT is reached (the first, when left out) FAULT happens, once. `AIVIS_TEST_FAILPOINTS_LOG` names a file that has a
line for every fault that landed, before it does. Unarmed, a failpoint costs a comparison.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aivis.errors import Invalid, Transient

VARIABLE = "AIVIS_TEST_FAILPOINTS"
LOG = "AIVIS_TEST_FAILPOINTS_LOG"


class Crashed(BaseException):
    """The process is dead, in a test that stays in one process: from here on every point raises it."""


@dataclass
class _Armed:
    fault: str
    after: int
    """How often the point is to be reached before."""


class _Points:
    def __init__(self) -> None:
        self.armed: dict[str, _Armed] = {}
        self.dead = False
        self.seen: list[str] | None = None
        self.log: Path | None = None

    @property
    def idle(self) -> bool:
        return not self.armed and not self.dead and self.seen is None


_points = _Points()
_idle = True


def reach(point: str) -> None:
    """This moment is here; what is armed for it happens."""
    if not _idle:
        _reached(point)


@contextmanager
def around(point: str) -> Iterator[None]:
    """The moments before what the context does, and after it is done; one that raises has no after."""
    reach(point + ".before")
    yield
    reach(point + ".after")


def arm(point: str, fault: str, *, at: int = 1) -> None:
    """Let `fault` happen when `point` is reached for the `at`-th time from now."""
    if fault not in _FAULTS:
        raise Invalid(f"failpoint {point}: there is no fault {fault!r}; there are {', '.join(_FAULTS)}")
    _points.armed[point] = _Armed(fault, at - 1)
    _settle()


def arm_from(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Arm what the environment says; the points."""
    log = environment.get(LOG)
    _points.log = Path(log) if log else None
    points = []
    for each in filter(None, environment.get(VARIABLE, "").split(",")):
        point, _, fault = each.strip().partition("=")
        fault, _, count = fault.partition("@")
        if not fault or not (count or "1").isdigit():
            raise Invalid(f"{VARIABLE}: {each!r} must be POINT=FAULT or POINT=FAULT@N")
        arm(point, fault, at=int(count or 1))
        points.append(point)
    return tuple(points)


def dead() -> bool:
    """Whether a `crash` has landed."""
    return _points.dead


def clear() -> None:
    """Disarm all, and live again."""
    _points.armed.clear()
    _points.dead = False
    _settle()


@contextmanager
def recorded() -> Iterator[list[str]]:
    """The points that are reached while the context lasts, in order."""
    seen: list[str] = []
    _points.seen = seen
    _settle()
    try:
        yield seen
    finally:
        _points.seen = None
        _settle()


def _settle() -> None:
    global _idle  # noqa: PLW0603 - one comparison where nothing is armed
    _idle = _points.idle


def _reached(point: str) -> None:
    if _points.dead:
        raise Crashed(point)
    if _points.seen is not None:
        _points.seen.append(point)
    armed = _points.armed.get(point)
    if armed is None:
        return
    if armed.after:
        armed.after -= 1
        return
    del _points.armed[point]
    _settle()
    if _points.log is not None:
        with _points.log.open("a") as log:
            log.write(f"{os.getpid()} {time.time():.3f} {point} {armed.fault}\n")
    _FAULTS[armed.fault](point)


def _kill(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(_: str) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _fail(point: str) -> None:
    raise Transient(f"failpoint {point}")


def _crash(point: str) -> None:
    _points.dead = True
    _settle()
    raise Crashed(point)


_FAULTS: dict[str, Callable[[str], None]] = {"kill": _kill, "stop": _stop, "fail": _fail, "crash": _crash}

arm_from(os.environ)
