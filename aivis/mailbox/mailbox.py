"""The durable mailbox of a service: the database is the truth, the bus is a hint."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from aivis.errors import Invalid, NotFound, Transient
from aivis.mailbox import metrics
from aivis.mailbox.limits import Limits
from aivis.mailbox.ports import Store
from aivis.mailbox.publishing import Producer, Publisher
from aivis.mailbox.turn import Handler
from aivis.mailbox.turning import Turns, utc
from aivis.mailbox.values import Arrival, Letter, Receipt
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
        now: Callable[[], datetime] = utc,
    ) -> None:
        self.service = service
        self.store = store
        self._limits = limits or Limits()
        self._handler = handler
        poll, claim = self._limits.poll_seconds, self._limits.claim_seconds
        self._publisher = Publisher(service, store, poll_seconds=poll, claim_seconds=claim)
        turns = Turns(service, store, handler, self._limits, self._publisher)
        turns.now = now
        self._worker = Worker(service, store, handler, self._limits, turns)
        self.watch = Watch()
        """Wakes who waits for a key's next step."""
        turns.stepped = self.watch.ring
        self.admit: Admit = _nothing_is_read
        """How a quarantined message would be let in now; the bus says it."""
        self._backlog = 0
        self._measured = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether the consumer should pause."""
        return self._backlog >= self._limits.backlog

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
        new = receipts.count(Receipt.NEW)
        self._backlog += new
        if new < len(arrivals):
            self._publisher.wake()  # what was asked for again
        return receipts

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

    async def retry(self, ids: Sequence[int]) -> dict[int, str]:
        """Put dead letters back into the inbox; those that are still bad stay letters, each with its reason here.

        `NotFound` when there is no letter of an id; those before it are back then.
        """
        still_bad = {}
        for id in ids:
            letter = await self.store.letter(id)
            if letter is None:
                raise NotFound(f"{self.service} has no dead letter {id}")
            if reason := await self._let_back(letter):
                still_bad[id] = reason
        self._worker.wake()
        return still_bad

    async def _let_back(self, letter: Letter) -> str:
        """The reason why not, or nothing. The letter is taken out last, so that it is never nowhere."""
        if not letter.event_id:
            try:
                arrival = self.admit(letter)
            except Invalid as error:
                return str(error)
            bad = await self._received([] if arrival is None else [arrival])
            if bad:
                return bad[0].reason
        await self.store.retry([letter.id])
        return ""

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
        count = await self.store.publish_again()
        self._publisher.wake()
        return count

    async def run(self, producer: Producer) -> None:
        """Work, publish, fire timers and sweep, until cancelled; then drain."""
        try:
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
            await asyncio.sleep(self._limits.poll_seconds)
            since_prune += self._limits.poll_seconds

    async def _measure(self) -> None:
        depths = await self.store.depths()
        self._backlog = depths.inbox
        self._measured.set()
        metrics.IN_FLIGHT.labels(self.service).set(self._worker.in_flight)
        metrics.INBOX_DEPTH.labels(self.service).set(depths.inbox)
        metrics.INBOX_AGE.labels(self.service).set(depths.oldest_inbox_seconds)
        metrics.OUTBOX_DEPTH.labels(self.service).set(depths.outbox)
        metrics.LETTERS.labels(self.service).set(depths.letters)


def _letter(arrival: Arrival, reason: str) -> Letter:
    return Letter(arrival.topic, arrival.headers, arrival.value, reason, arrival.key.tenant, arrival.key.name)
