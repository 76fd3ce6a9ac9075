"""What to do with a call that may have been done: by what its tool declared, and by the time that has passed. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from aivis.toolkit.declaration import Repeat
from services.executor.ledger import Entry, Terms
from services.executor.stopwatch import Elapsed

MAX_TRIES = 12
"""Calls of one action; a call that ends the process each time must end too."""


CLOCK_STEP = timedelta(minutes=10)
"""By so much a database's clock may have been set between two readings; two processes have no other in common."""


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class CallAgain:
    """With the same key: the tool acts once."""


@dataclass(frozen=True)
class LookUp:
    pass


@dataclass(frozen=True)
class AskPeople:
    why: str


Move = Wait | CallAgain | LookUp | AskPeople


def backoff(tries: int) -> timedelta:
    """The pause after so many tries: from half a second up to half a minute."""
    return timedelta(seconds=min(0.25 * 2 ** min(tries, 10), 30))


def next_move(entry: Entry, now: datetime, patience: timedelta, elapsed: Elapsed) -> Move:
    """How to find out what became of `entry`, an effect in doubt; after `patience` people are asked.

    `now`, by the database's clock, only says when to stop; what could make it happen twice goes by `elapsed`.
    """
    assert entry.terms is not None
    assert entry.doubted_at is not None
    if entry.terms.repeat is Repeat.NEITHER:
        return AskPeople(f"{entry.request.tool} can neither be repeated nor looked up")
    if seconds := left(entry, elapsed):
        return Wait(seconds)
    if entry.tries > MAX_TRIES or now - max(entry.doubted_at, _ready_at(entry)) > patience:
        since = entry.first_called_at
        return AskPeople(f"{entry.request.tool} gave no clear answer in {entry.tries} tries since {since}")
    return LookUp() if entry.terms.repeat is Repeat.LOOKUP else _again(entry, entry.terms, now, elapsed)


def left(entry: Entry, elapsed: Elapsed) -> float:
    """Seconds until the latest call of `entry` can be settled."""
    return max(0.0, (_pause(entry) - elapsed.least).total_seconds())


def _pause(entry: Entry) -> timedelta:
    """How long after a call it can be settled: the server may be at it for the whole timeout."""
    assert entry.terms is not None
    if entry.terms.repeat is Repeat.LOOKUP:
        return entry.terms.timeout + entry.terms.settling_time
    return backoff(entry.tries)


def _ready_at(entry: Entry) -> datetime:
    assert entry.called_at is not None
    return entry.called_at + _pause(entry)


def _again(entry: Entry, terms: Terms, now: datetime, elapsed: Elapsed) -> Move:
    assert entry.first_called_at is not None
    age = elapsed.most if elapsed.most is not None else now - entry.first_called_at + CLOCK_STEP
    # The server must see the key within its window: the call may take the whole timeout to get there.
    if age + terms.timeout >= terms.dedupe_window:
        return AskPeople(f"the time in which {entry.request.tool} knows a key again, {terms.dedupe_window}, is over")
    if entry.approval is not None and now >= entry.approval.expires_at:
        return AskPeople(f"the approval expired at {entry.approval.expires_at}, so it may not be called again")
    return CallAgain()
