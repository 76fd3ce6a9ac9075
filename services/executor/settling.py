"""What to do with a call that may have been done: by what its tool declared, and by the time that has passed. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from aivis.toolkit.declaration import Repeat
from services.executor.ledger import Entry, Terms

MAX_TRIES = 12
"""Calls of one action; a call that ends the process each time must end too."""


@dataclass(frozen=True)
class Wait:
    until: datetime


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


def next_move(entry: Entry, now: datetime, patience: timedelta) -> Move:
    """How to find out what became of `entry`, an effect in doubt; after `patience` people are asked."""
    assert entry.terms is not None
    assert entry.called_at is not None
    assert entry.doubted_at is not None
    if entry.terms.repeat is Repeat.NEITHER:
        return AskPeople(f"{entry.request.tool} can neither be repeated nor looked up")
    ready = ready_at(entry)
    if now < ready:
        return Wait(ready)
    if entry.tries > MAX_TRIES or now - max(entry.doubted_at, ready) > patience:
        since = entry.first_called_at
        return AskPeople(f"{entry.request.tool} gave no clear answer in {entry.tries} tries since {since}")
    return LookUp() if entry.terms.repeat is Repeat.LOOKUP else _again(entry, entry.terms, now)


def ready_at(entry: Entry) -> datetime:
    """When the latest call of `entry` can be settled: the server may be at it for the whole timeout."""
    assert entry.terms is not None
    assert entry.called_at is not None
    if entry.terms.repeat is Repeat.LOOKUP:
        return entry.called_at + entry.terms.timeout + entry.terms.settling_time
    return entry.called_at + backoff(entry.tries)


def _again(entry: Entry, terms: Terms, now: datetime) -> Move:
    assert entry.first_called_at is not None
    # The server must see the key within its window: the call may take the whole timeout to get there.
    if now + terms.timeout >= entry.first_called_at + terms.dedupe_window:
        return AskPeople(f"the time in which {entry.request.tool} knows a key again, {terms.dedupe_window}, is over")
    if entry.approval is not None and now >= entry.approval.expires_at:
        return AskPeople(f"the approval expired at {entry.approval.expires_at}, so it may not be called again")
    return CallAgain()
