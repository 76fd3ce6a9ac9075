"""A service's handler at work on a real store, turn by turn, in a process that can die at any commit or call."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aivis import failpoints
from aivis.errors import AivisError
from aivis.events import registry
from aivis.events.envelope import Event, body, headers_of
from aivis.mailbox.limits import Limits
from aivis.mailbox.ports import Store
from aivis.mailbox.publishing import Publisher
from aivis.mailbox.turn import Handler, Turn
from aivis.mailbox.turning import Turns
from aivis.mailbox.values import Arrival, Deferral, Key, Lease, OutboxRow, Step
from tests.properties.mailbox_machine import Place

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_HOUR = 3600.0
KeyOf = Callable[[Event], Key]
Build = Callable[[Store], Awaitable[Handler]]


class Clock:
    """Time passes when the machine says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def elapsed(self) -> float:
        return self.seconds


class Bench:
    """One service; what it publishes is handed to who plays."""

    def __init__(self, place: Place, clock: Clock, key_of: KeyOf, build: Build) -> None:
        self._place = place
        self._clock = clock
        self._key_of = key_of
        self._build = build
        self.bugs: list[Exception] = []
        """Errors that are nobody's but ours."""
        self.deaths = 0

    async def begin(self) -> None:
        await self._place.empty()
        await self._start()

    async def _start(self) -> None:
        self.store = self._place.store()
        await self.store.open()
        limits = Limits(lease_seconds=_HOUR, claim_seconds=0)
        self._publisher = Publisher("test", self.store, poll_seconds=0.01, claim_seconds=0)
        handler = _Watched(await self._build(self.store), self.bugs)
        self._turns = Turns("test", self.store, handler, limits, self._publisher)
        self._turns.now = self._clock.now

    async def end(self) -> None:
        await self.store.close()

    async def die(self, leases: Sequence[Lease] = ()) -> None:
        """Another process takes over at once."""
        self.deaths += 1
        await self._place.abandon(self.store)
        failpoints.clear()
        await self._start()
        await self.store.renew(leases, seconds=-1)

    async def deliver(self, *events: Event) -> None:
        """As the consumer does it: known ids change nothing."""
        arrivals = [Arrival(each.id, self._key_of(each), "topic", headers_of(each), body(each.data)) for each in events]
        await self.store.receive(arrivals)

    async def work(self) -> list[Event]:
        """A turn at every key that has something to do; what was published."""
        leases = await self.store.lease(20, seconds=_HOUR, messages=100)
        for lease in leases:
            if not await self._alive_after(lease):
                await self.die(leases)
                break
        back = [Deferral(each.key, each.epoch, 0, "", counts=False) for each in leases]
        await self.store.defer(back)  # whoever waits for a time looks again when the machine says so
        return await self.published()

    async def _alive_after(self, lease: Lease) -> bool:
        turn = asyncio.create_task(self._turns.work(lease))
        while not turn.done() and not failpoints.dead():
            await asyncio.wait([turn], timeout=0.002)
        while not turn.done():
            turn.cancel()
            await asyncio.wait([turn], timeout=0.002)
        error = None if turn.cancelled() else turn.exception()
        if failpoints.dead():
            return False
        if error is not None:
            raise error
        return True

    async def published(self) -> list[Event]:
        shelf = _Shelf()
        while await self._publisher.ship(shelf):
            pass
        return shelf.events


class _Shelf:
    """The broker."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        for row in rows:
            if row.topic != "aivis.dead-letters":
                self.events.append(registry.decode(row.headers, row.value, where=row.topic))
        return [True] * len(rows)


class _Watched:
    """A handler of which no error goes unseen that is none of our closed set."""

    def __init__(self, handler: Handler, bugs: list[Exception]) -> None:
        self._handler = handler
        self._bugs = bugs

    async def handle(self, turn: Turn) -> Step:
        try:
            return await self._handler.handle(turn)
        except AivisError:
            raise
        except Exception as error:
            self._bugs.append(error)
            raise

    def give_up(self, turn: Turn, reason: str) -> Step:
        try:
            return self._handler.give_up(turn, reason)
        except Exception as error:
            self._bugs.append(error)
            raise

    def interrupts(self, event_type: str) -> bool:
        return self._handler.interrupts(event_type)


def quiet(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What is left of a process that crashed has nobody to tell it to."""
    if not isinstance(context.get("exception"), failpoints.Crashed):
        loop.default_exception_handler(context)
