"""The port behind which the mailbox's rows live. One contract test suite holds every store to it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from aivis.mailbox.letters import ANY, Fate, Heading, Kind, Wanted
from aivis.mailbox.values import (
    ANY_ROOM,
    Arrival,
    Deferral,
    Depths,
    Key,
    Lease,
    Letter,
    LogRow,
    OutboxRow,
    Place,
    Receipt,
    Restoration,
    Rooms,
    Snapshot,
    Verdict,
    Window,
    Write,
)


class Store(Protocol):
    """Inbox, keys, outbox, timers, log, holds and letters of one service.

    Every method is one transaction. Time is the database's. When the database cannot be reached, methods raise
    `Transient`; whether the transaction happened is then not known, and running it again is safe. What the database
    can never take as it is raises `Invalid`; nothing was written then.
    """

    async def open(self) -> None:
        """Connect, and create or migrate the tables."""

    async def close(self) -> None: ...

    async def ping(self) -> None:
        """Raise `Transient` unless the database answers."""

    async def receive(
        self,
        arrivals: Sequence[Arrival],
        limit: int = 0,
        *,
        seconds: float = 0,
        messages: int = 0,
        rooms: Rooms = ANY_ROOM,
    ) -> tuple[list[Receipt], list[Lease]]:
        """Insert into the inbox, durably; one receipt per arrival, in order.

        In the same transaction up to `limit` of the keys that new messages are for are leased, as `lease` does it:
        each one that is free, and for which no older message waits.

        When a done message arrives again with `reasked`, what its step and later steps of the key put out is queued
        again: the answer that was missed may be a later one's.
        """

    async def lease(self, limit: int, *, seconds: float, messages: int, rooms: Rooms = ANY_ROOM) -> list[Lease]:
        """Take up to `limit` free keys that have pending messages, within their tenants' `rooms`.

        Tenants take turns, those with the fewest keys first; of a tenant the longest waiting comes first. Each lease
        carries up to `messages` messages and a new epoch.
        """

    async def renew(self, leases: Sequence[Lease], *, seconds: float) -> set[Key]:
        """Keep leases for `seconds` more; the keys whose lease is lost."""

    async def commit(
        self, writes: Sequence[Write], *, claim_seconds: float = 0
    ) -> tuple[list[Verdict], list[OutboxRow]]:
        """Commit the writes of a group in one transaction; one verdict each, in order.

        A write that was committed before under the same fence counts as committed. With `claim_seconds` the rows that
        go into the outbox are claimed in the same transaction, as `claim` does it, and returned; but none whose key
        has unsent rows from before.
        """

    async def defer(self, deferrals: Sequence[Deferral]) -> None:
        """Let keys go, to be leased again after their delay. A lost lease is passed over."""

    async def fire_timers(self, limit: int) -> int:
        """Turn due timers into inbox messages; how many."""

    async def claim(self, limit: int, *, seconds: float) -> list[OutboxRow]:
        """Take unsent rows to publish, ordered per key: no row while an earlier one of its key is with another.

        Tenants take turns.
        """

    async def mark_sent(self, ids: Sequence[int]) -> None:
        """The broker has these claimed rows. One that `publish_again` took back since is not marked."""

    async def unclaim(self, ids: Sequence[int]) -> None:
        """Give rows back that could not be sent."""

    async def publish_again(self) -> int:
        """Queue everything again that was sent, or is on its way, and is still kept; how many.

        Positions on the broker that lost it are forgotten.
        """

    async def quarantine(self, letters: Sequence[Letter]) -> None:
        """Keep messages that could not be let into the inbox."""

    async def letters(self, wanted: Wanted = ANY, *, limit: int) -> list[Heading]:
        """Dead letters, newest first."""

    async def count_letters(self, wanted: Wanted = ANY) -> dict[Kind, int]:
        """How many there are of each kind."""

    async def letter(self, id: int) -> Letter | None: ...

    async def retry(self, ids: Sequence[int]) -> list[Letter]:
        """Put buried messages back into the inbox and take their letters, and quarantined ones, out; those letters."""

    async def drop(self, ids: Sequence[int]) -> list[Heading]:
        """Delete letters for good; those that were there. What comes again under their ids counts as done before."""

    async def fates(self, events: Sequence[tuple[str, str]]) -> list[Fate | None]:
        """How messages in the inbox stand, by tenant and event id; None for one that is not there."""

    async def prune(self, *, sent_seconds: float, done_seconds: float) -> int:
        """Forget sent outbox rows and done inbox rows older than that; how many."""

    async def read(self, key: Key) -> Snapshot | None: ...

    async def find(self, *, tenant: str | None, labels: Sequence[str], limit: int) -> list[Snapshot]:
        """Keys by label (all labels when empty), latest change first."""

    async def log(self, key: Key, *, after: int, limit: int) -> list[LogRow]:
        """The key's log from the entry after sequence `after`."""

    async def hold(self, tenant: str, name: str, holder: str) -> None:
        """Take a name by hand: the stop switch. Taking it again changes nothing."""

    async def unhold(self, tenant: str, name: str, holder: str) -> None: ...

    async def holds(self, *, prefix: str) -> list[tuple[str, str, str]]:
        """(tenant, name, holder) of every name that starts with `prefix`."""

    async def hold_for(self, window: Window) -> Window | None:
        """Hold a name for a while; under the same id again it is changed. None when it would be over at once."""

    async def end_window(self, tenant: str, id: str) -> bool:
        """End a window before its time, or one that has not begun; False when there is none."""

    async def windows(self, *, prefix: str) -> list[Window]:
        """Windows of names that start with `prefix` and are not over, the earliest first."""

    async def depths(self) -> Depths: ...

    async def timers_set(self, name: str) -> dict[str, int]:
        """How many keys have the timer `name` set, by tenant."""

    async def keep_positions(self, positions: Mapping[Place, int]) -> None:
        """Remember how far the bus was read, and where something was written: what the database lacks comes behind."""

    async def positions(self) -> dict[Place, int]: ...

    async def restoration(self) -> Restoration | None:
        """The latest; None when the database was never put back to an older point."""

    async def mark_restored(self, id: str) -> Restoration:
        """Remember that the database was put back to an older point, now."""

    async def past_read(self, id: str, *, whole: bool) -> None:
        """Remember that the bus was read again, and whether it had all."""

    async def queue_behind_past(self) -> None:
        """Put what waits in the inbox behind what the service said later, as something heard before."""
