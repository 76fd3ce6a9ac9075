"""The values that pass between a service, the mailbox and its store.

Words: a *key* is what is worked on by one worker at a time (a case; for the executor an action). A *lease* is a
worker's hold on a key for a while, with an *epoch* that only grows: the fence. A *step* is what a service decided; a
*write* is a step with its fence, as the store commits it.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import NamedTuple

from aivis.events.envelope import Event, Head, JsonObject

Headers = tuple[tuple[str, bytes], ...]

MAX_REASON = 2_000
"""Characters of a reason that are kept: it travels in a header, beside a message that may fill its record."""


ANY_TENANT = "*"
"""Whose holds keep every tenant out."""


class Key(NamedTuple):
    """What one worker works on at a time. Rows of different tenants never share one."""

    tenant: str
    name: str


class Arrival(NamedTuple):
    """A message on its way into the inbox."""

    event_id: str
    key: Key
    topic: str
    headers: Headers
    value: bytes
    reasked: bool = False
    """The sender misses an answer: if it was given before, give it again."""
    head: Head | None = None
    """The headers as they were read on the way in, so that they need not be read again."""


class Rooms(NamedTuple):
    """How many keys of a tenant a lease may take, and how many it has: fewest first."""

    newcomer: int = 2**31 - 1
    """For a tenant that has none."""
    of: dict[str, tuple[int, int]] = {}
    """By tenant that has some: how many it has, and how many more it may take."""

    def __call__(self, tenant: str) -> tuple[int, int]:
        return self.of.get(tenant, (0, self.newcomer))


ANY_ROOM = Rooms()


class Receipt(StrEnum):
    """What the inbox made of an arrival."""

    NEW = "new"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    """The id is known with another body."""


Place = tuple[str, int]
"""A topic and one of its partitions."""


class Restoration(NamedTuple):
    """That a database was put back to an older point: what the service did since, only others know."""

    id: str
    since: datetime
    """The latest that the database knows of: what it does not know of came later."""
    at: datetime
    """When it was put back."""
    whole: bool | None = None
    """Whether the bus still had all that came later; None: it has not been read yet."""


class Message(NamedTuple):
    """A message in the inbox."""

    seq: int
    event_id: str
    topic: str
    headers: Headers
    value: bytes
    head: Head | None = None
    """The arrival's, where the message comes straight from it."""


class Lease(NamedTuple):
    """A key that is ours for a while, with its pending messages, oldest first."""

    key: Key
    epoch: int
    version: int
    state: bytes | None
    label: str
    attempts: int
    """How often these messages failed before."""
    messages: tuple[Message, ...]
    failing: float = 0
    """Seconds since they failed first, by the database's clock; 0 when they never did."""


class Outgoing(NamedTuple):
    """An event to publish."""

    topic: str
    event: Event


@dataclass(frozen=True, slots=True)
class Timer:
    """Set the key's timer `name`, or with `after` None take it back. Setting it again moves it."""

    name: str
    after: timedelta | None
    note: JsonObject = field(default_factory=dict)


class Step(NamedTuple):
    """What a service decided for a key: all of it happens, or none.

    `take` are names to hold (unique per tenant; `Conflict` if another key holds one), `free` names to let go,
    `unless` names that nobody may hold now (`Refused` if somebody does, `Frozen` if only for a while): the check is in
    the same transaction.
    """

    state: bytes | None = None
    """The key's new state; None leaves it as it is."""
    label: str | None = None
    """The state's short name, to list keys by; None leaves it."""
    publish: tuple[Outgoing, ...] = ()
    log: tuple[Event, ...] = ()
    """Events for the key's own log, numbered by their `sequence`."""
    timers: tuple[Timer, ...] = ()
    take: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Burial:
    """A message that will not be tried again, and why."""

    seq: int
    reason: str


class OutboxRow(NamedTuple):
    id: int
    event_id: str
    topic: str
    key: str
    headers: Headers
    value: bytes


class LogRow(NamedTuple):
    sequence: int
    event_id: str
    headers: Headers
    value: bytes


class TimerRow(NamedTuple):
    name: str
    after: float | None
    """Seconds from now; None cancels."""
    event_id: str
    headers: Headers
    value: bytes


class Window(NamedTuple):
    """A name that is held from one moment to another, by the database's clock; `tenant` `*` is every tenant."""

    tenant: str
    id: str
    hold: str
    begins: datetime | None
    """None: now."""
    ends: datetime
    reason: str


class Write(NamedTuple):
    """A step under its fence, encoded: what the store commits."""

    key: Key
    epoch: int
    version: int
    """The version it builds on; the commit makes it one more."""
    state: bytes | None = None
    label: str | None = None
    done: tuple[int, ...] = ()
    dead: tuple[Burial, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()
    log: tuple[LogRow, ...] = ()
    timers: tuple[TimerRow, ...] = ()
    take: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    release: bool = True
    """Give the lease back with this commit."""


class Verdict(Enum):
    """What became of a write. Writes of one group stand or fall each for itself."""

    COMMITTED = "committed"
    FENCED = "fenced"
    """Another worker took the key over, or it moved on: nothing was written."""
    HELD = "held"
    """A name to take is another key's: nothing was written."""
    STOPPED = "stopped"
    """A name in `unless` is held: nothing was written."""
    FROZEN = "frozen"
    """A name in `unless` is held for a while, and by nobody for good: nothing was written."""


@dataclass(frozen=True, slots=True)
class Deferral:
    """Let a key go and try it again later."""

    key: Key
    epoch: int
    delay: float
    """Seconds."""
    error: str
    counts: bool = True
    """Whether this counts as a failed attempt."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: a message that is out of the way, with its bytes and the reason."""

    topic: str
    headers: Headers
    value: bytes
    reason: str
    tenant: str = ""
    key: str = ""
    event_id: str = ""
    id: int = 0
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A key as it stands."""

    key: Key
    version: int
    state: bytes | None
    label: str
    updated_at: datetime
    attempts: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Depths:
    """How much waits in the mailbox."""

    inbox: int
    outbox: int
    oldest_inbox_seconds: float
    letters: int
    """Buried and quarantined."""
    quarantined: int
    """Of the letters."""
    at: datetime
    """By the database's clock."""
    tenants: dict[str, int]
    """Of the inbox, by tenant."""
