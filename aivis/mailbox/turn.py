"""A turn: what a service sees of a key while it decides, and how it commits on the way."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aivis.errors import AivisError, Refused, Transient
from aivis.events.envelope import Event, Head
from aivis.mailbox.values import Key, Restoration, Step, Window


class Fenced(AivisError):
    """Another worker took the key over: whatever was being decided is void."""


class NotYet(Transient):
    """An event came before the one it builds on: keep it and try again after `seconds`."""

    def __init__(self, message: str, *, seconds: float = 0.5) -> None:
        super().__init__(message)
        self.seconds = seconds


class Frozen(Refused):
    """A name that nobody may hold is held for a while."""

    def __init__(self, message: str, *, window: Window) -> None:
        super().__init__(message)
        self.window = window


class Pause(NotYet):
    """There is only to wait, and the service bounds by itself for how long: this counts as no failure."""


@dataclass(slots=True)
class Turn:
    """One worker's turn at one key.

    `state` and `label` are the key's as of the last commit of this turn.
    """

    key: Key
    state: bytes | None
    label: str
    version: int
    attempts: int
    """How often these events failed before."""
    events: tuple[Event, ...]
    """What came in since the last turn, oldest first."""
    now: Callable[[], datetime]
    keep: Callable[["Turn", Step], Awaitable[None]]
    unread: tuple[Head, ...] = ()
    """When messages are buried whose bodies cannot be read: what their headers say."""
    epoch: int = 1
    """How often the key was leased: a turn that left nothing behind shows here."""
    restored: Restoration | None = None
    """The database was put back to an older point; what of the past comes in as events has `Event.past`."""

    @property
    def about(self) -> tuple[Event | Head, ...]:
        """What is to be handled, or buried, read or not."""
        return (*self.events, *self.unread)

    async def commit(self, step: Step) -> None:
        """Make `step` durable now, and go on: the events of this turn stay pending until the turn ends.

        Raises `Fenced` when the key is lost, `Conflict` when a name to take is another key's, `Refused` when a name
        in `unless` is held (`Frozen` when it is for a while): nothing was written then.
        """
        await self.keep(self, step)


class Handler(Protocol):
    """What a service does with its mailbox."""

    async def handle(self, turn: Turn) -> Step:
        """Decide. The returned step commits together with the turn's events being done.

        May take long: the lease is kept meanwhile. May run again with the same events after a crash or an error.
        """

    def give_up(self, turn: Turn, reason: str) -> Step:
        """What to record and tell when the turn's events, or its `unread` ones, are buried: somebody must hear of it.

        Not both: where there are unread ones, the turn has no events. The key goes on after this.
        """

    def interrupts(self, event_type: str) -> bool:
        """Whether a new event of this type makes a turn under way stale, so that it is cancelled and run anew."""
