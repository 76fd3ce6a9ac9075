"""The durable mailbox of a service: the database is the truth, the bus is a hint."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic

import structlog

from aivis.errors import Invalid, Transient
from aivis.mailbox import metrics
from aivis.mailbox.clock import DatabaseClock
from aivis.mailbox.gathering import Gathering
from aivis.mailbox.letters import Kind
from aivis.mailbox.limits import Limits
from aivis.mailbox.ports import Store
from aivis.mailbox.publishing import Producer, Publisher
from aivis.mailbox.turn import Handler
from aivis.mailbox.turning import Turns
from aivis.mailbox.values import Arrival, Letter, Place, Receipt, Restoration
from aivis.mailbox.watching import Watch
from aivis.mailbox.worker import Worker

log = structlog.get_logger()

KEEP_SENT = timedelta(days=7)
KEEP_DONE = timedelta(days=31)
"""Longer than any topic is kept, so that a replay finds every id known."""
_PRUNE_EVERY = 600.0


Admit = Callable[[Letter], Arrival | None]
"""A quarantined message as an arrival; None when it is nothing to this service, `Invalid` when it is still bad."""


def _nothing_is_read(letter: Letter) -> Arrival | None:
    raise Invalid(f"{letter.topic}: this service reads no topic")


class Mailbox:
    """Inbox, worker, timers and outbox of one service."""

    def __init__(
        self,
        service: str,
        store: Store,
        handler: Handler,
        *,
        limits: Limits | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """`now` stands in for the database's clock."""
        self.service = service
        self.store = store
        self._limits = limits or Limits()
        self.handler = handler
        poll, claim = self._limits.poll_seconds, self._limits.claim_seconds
        self._publisher = Publisher(service, store, poll_seconds=poll, claim_seconds=claim)
        turns = Turns(service, store, handler, self._limits, self._publisher)
        self._clock = DatabaseClock()
        turns.now = now or self._clock.now
        self._worker = Worker(service, store, handler, self._limits, turns)
        self.watch = Watch()
        """Wakes who waits for a key's next step."""
        turns.stepped = self.watch.ring
        self.admit: Admit = _nothing_is_read
        """How a quarantined message would be let in now; the bus says it."""
        for counter in (metrics.BURIED, metrics.UNTOLD, metrics.QUARANTINED):
            counter.labels(service)  # there from the start: what first appears at 1 has not increased
        self._waiting: Counter[str] = Counter()
        self._gathering = Gathering(self.receive)
        self._turns = turns
        self._positions: dict[Place, int] = {}
        self._measured = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether the consumer should pause."""
        return self._waiting.total() >= self._limits.backlog

    @property
    def waiting(self) -> Mapping[str, int]:
        """How many messages wait or are worked on, by tenant, about."""
        return self._waiting

    async def room(self) -> None:
        """Return once the inbox has room."""
        while self.full:
            self._measured.clear()
            await self._measured.wait()

    async def receive(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        """Let messages in; they are durable when this returns. One that is not new, or a conflict, changes nothing.

        `Transient` when the database does not answer.
        """
        receipts = await self._worker.receive(arrivals)
        for receipt in Receipt:
            metrics.RECEIVED.labels(self.service, receipt.value).inc(receipts.count(receipt))
        new = [each.key.tenant for each, receipt in zip(arrivals, receipts, strict=True) if receipt is Receipt.NEW]
        self._waiting.update(new)
        if len(new) < len(arrivals):
            self._publisher.wake()  # what was asked for again
        return receipts

    async def receive_one(self, arrival: Arrival) -> Receipt:
        """As `receive`, together with others that come at the same time."""
        return await self._gathering(arrival)

    async def take_in(self, arrivals: Sequence[Arrival], letters: Sequence[Letter]) -> None:
        """What a consumer read: never raises for a database that is away, but waits for it.

        A known id with another body goes to quarantine.
        """
        while True:
            try:
                await self.quarantine([*letters, *await self._received(arrivals)])
                return
            except Transient as error:
                log.warning("inbox unreachable; the consumer waits", service=self.service, error=str(error))
                await asyncio.sleep(self._limits.poll_seconds)

    async def _received(self, arrivals: Sequence[Arrival]) -> list[Letter]:
        """Let `arrivals` in; letters of those that may not. One that no database takes keeps no other out."""
        try:
            receipts = await self.receive(arrivals) if arrivals else []
        except Invalid as error:
            if len(arrivals) > 1:
                return [letter for arrival in arrivals for letter in await self._received([arrival])]
            return [_letter(arrivals[0], str(error))]
        return [
            _letter(arrival, f"event id {arrival.event_id} is known with another body: send new content under a new id")
            for arrival, receipt in zip(arrivals, receipts, strict=True)
            if receipt is Receipt.CONFLICT
        ]

    async def let_back(self, letter: Letter) -> Arrival | None:
        """Let in what sits in quarantine, if it may be now: `Invalid` says why not. None when it is nothing to us."""
        arrival = self.admit(letter)
        if arrival is not None and (bad := await self._received([arrival])):
            raise Invalid(bad[0].reason)
        return arrival

    def at(self, positions: Mapping[Place, int]) -> None:
        """What is before these places of the bus is let in, or out: kept now and then, see `Store.keep_positions`."""
        self._positions |= positions

    def is_restored(self, restoration: Restoration | None) -> None:
        """What turns are told of it."""
        self._turns.restored = restoration

    def wake(self) -> None:
        """There may be something to work on that nobody here let in."""
        self._worker.wake()

    async def quarantine(self, letters: Sequence[Letter]) -> None:
        """Put messages that cannot be let in out of the way, with their bytes and reasons."""
        if not letters:
            return
        for letter in letters:
            log.error("message quarantined", service=self.service, topic=letter.topic, reason=letter.reason)
        metrics.QUARANTINED.labels(self.service).inc(len(letters))
        await self.store.quarantine(letters)

    async def publish_again(self) -> int:
        """Queue all that was sent and is still kept again, for a broker that lost it; how many events.

        Who had them knows them by their ids.
        """
        self._positions.clear()
        count = await self.store.publish_again()
        self._publisher.wake()
        return count

    async def run(self, producer: Producer) -> None:
        """Work, publish, fire timers and sweep, until cancelled; then drain."""
        try:
            with suppress(Transient):
                await self._measure()  # before the first turn, which asks what time it is
            async with asyncio.TaskGroup() as group:
                group.create_task(self._worker.run())
                group.create_task(self._worker.renew())
                group.create_task(self._publisher.run(producer))
                group.create_task(self._sweep())
        finally:
            await self._worker.drain(seconds=self._limits.drain_seconds)
            await self._publisher.finish(producer, seconds=5)

    async def _sweep(self) -> None:
        """Fire due timers, look for what others left, keep the depths, prune. Runs until cancelled."""
        since_prune = _PRUNE_EVERY  # at once: a service that is often started anew prunes too
        while True:
            with suppress(Transient):
                if await self.store.fire_timers(500):
                    self._worker.wake()
                await self._measure()
                if since_prune >= _PRUNE_EVERY:
                    since_prune = 0.0
                    sent, done = KEEP_SENT.total_seconds(), KEEP_DONE.total_seconds()
                    await self.store.prune(sent_seconds=sent, done_seconds=done)
                await self._keep_positions()
            await asyncio.sleep(self._limits.poll_seconds)
            since_prune += self._limits.poll_seconds

    async def _keep_positions(self) -> None:
        if self._positions:
            kept, self._positions = self._positions, {}
            await self.store.keep_positions(kept)

    async def _measure(self) -> None:
        began = monotonic()
        depths = await self.store.depths()
        self._clock.told(depths.at, took=monotonic() - began)
        self._waiting = Counter(depths.tenants)
        self._measured.set()
        metrics.IN_FLIGHT.labels(self.service).set(self._worker.in_flight)
        metrics.INBOX_DEPTH.labels(self.service).set(depths.inbox)
        metrics.INBOX_AGE.labels(self.service).set(depths.oldest_inbox_seconds)
        metrics.OUTBOX_DEPTH.labels(self.service).set(depths.outbox)
        metrics.LETTERS.labels(self.service, Kind.BURIED.value).set(depths.letters - depths.quarantined)
        metrics.LETTERS.labels(self.service, Kind.QUARANTINED.value).set(depths.quarantined)


def _letter(arrival: Arrival, reason: str) -> Letter:
    return Letter(arrival.topic, arrival.headers, arrival.value, reason, arrival.key.tenant, arrival.key.name)
