"""Asking again: until the case is heard of, what was published is published again, ever more seldom and for ever."""

from datetime import timedelta

TIMER = "ask-again"
LONGEST = timedelta(minutes=10)
AT_ONCE = 100
"""Events of one case that are published again in one go, oldest first."""


def delay(asked: int, first: timedelta) -> timedelta:
    """How long to wait after having asked `asked` times."""
    return min(first * 2.0 ** min(asked, 20), max(first, LONGEST))
