"""Dead letters as they are looked for and listed, and what becomes of one that is put back or dropped."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """Why a message is out of the way."""

    BURIED = "buried"
    """It was let in, and given up on."""
    QUARANTINED = "quarantined"
    """It could not be let in."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: those that fit all that is said here. What is left as it is says nothing."""

    tenant: str = ""
    topic: str = ""
    key: str = ""
    event: str = ""
    reason: str = ""
    """Somewhere in their reason, in capitals or not."""
    kind: Kind | None = None
    younger: float | None = None
    """Seconds since they became letters, at most."""
    older: float | None = None
    """At least."""
    before: int = 0
    """Those with a lower id: the next page."""


ANY = Wanted()


class Heading(NamedTuple):
    """A letter as it is listed: all but its headers and its bytes."""

    id: int
    event_id: str
    topic: str
    tenant: str
    key: str
    reason: str
    at: datetime
    size: int
    """Bytes of its value."""

    @property
    def kind(self) -> Kind:
        return Kind.BURIED if self.event_id else Kind.QUARANTINED


class Fate(StrEnum):
    """How a message in the inbox stands."""

    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"


class Outcome(StrEnum):
    """What became of a letter."""

    DONE = "done"
    """Its message is handled."""
    WAITING = "waiting"
    """Its message is back in the inbox, and not handled yet."""
    BURIED = "buried-again"
    STILL_BAD = "still-bad"
    """It cannot be let in, and stays a letter."""
    DROPPED = "dropped"
    GONE = "gone"
    """There is no such letter: it was put back or dropped before."""


class Became(NamedTuple):
    """A letter, and what became of it."""

    id: int
    outcome: Outcome
    reason: str = ""
    letter: int = 0
    """The id of its new letter, where it was buried again."""
