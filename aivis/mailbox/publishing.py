"""The outbox publisher: ships what was decided, in order per key."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from aivis.errors import Transient
from aivis.mailbox import metrics
from aivis.mailbox.insisting import until_answered
from aivis.mailbox.ports import Store
from aivis.mailbox.values import OutboxRow

log = structlog.get_logger()

_GROUP = 500


class Producer(Protocol):
    """Where events go."""

    async def send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        """Send in the order given; for each row whether the broker acknowledged it, `Transient` when it took none.

        A row behind an unacknowledged one of the same key is not to be acknowledged either.
        """


class Publisher:
    """Publishes the outbox of one service: what commits hand over, and what it finds in the store."""

    def __init__(self, service: str, store: Store, *, poll_seconds: float, claim_seconds: float) -> None:
        self._service = service
        self._store = store
        self._poll_seconds = poll_seconds
        self._claim_seconds = claim_seconds
        self._handed: deque[OutboxRow] = deque()
        """Claimed when they were committed. None of them has an unsent row of its key before it but in here."""
        self._behind = True
        """Whether the store may have more to publish."""
        self._wake = asyncio.Event()
        self._published = metrics.PUBLISHED.labels(service)

    @property
    def claim_seconds(self) -> float:
        """For how long a commit is to claim its rows for this publisher; 0 while it has others to publish first."""
        return 0 if self._behind or len(self._handed) >= _GROUP else self._claim_seconds

    def hand_over(self, claimed: Sequence[OutboxRow], *, of: int) -> None:
        """Take what a commit that left `of` rows has claimed; the others are in the store."""
        self._handed += claimed
        self._behind |= len(claimed) < of
        self._wake.set()

    def wake(self) -> None:
        """There is something to publish in the store."""
        self._behind = True
        self._wake.set()

    async def run(self, producer: Producer) -> None:
        """Publish until cancelled."""
        while True:
            self._wake.clear()
            try:
                shipped = await self._ship_whole(producer)
            except Transient as error:
                log.warning("cannot publish; trying again", service=self._service, error=str(error))
                await asyncio.sleep(self._poll_seconds)
                continue
            if not shipped:
                await self._rest()

    async def _rest(self) -> None:
        """Wait until woken; after a while look for what others left."""
        try:
            async with asyncio.timeout(self._poll_seconds):  # wait_for may swallow a cancellation
                await self._wake.wait()
        except TimeoutError:
            self._behind = True

    async def _ship_whole(self, producer: Producer) -> int:
        """Ship one group; when cancelled, not before what was claimed is sent, or five seconds have passed."""
        shipping = asyncio.create_task(self.ship(producer))
        try:
            return await asyncio.shield(shipping)
        except asyncio.CancelledError:
            await asyncio.wait([shipping], timeout=5)
            shipping.cancel()
            raise

    async def finish(self, producer: Producer, seconds: float) -> None:
        """Publish what there is, for at most `seconds`."""
        self._behind = True
        with suppress(Transient, TimeoutError):
            async with asyncio.timeout(seconds):
                while await self.ship(producer):
                    pass

    async def ship(self, producer: Producer) -> int:
        """Publish one group; how many the broker acknowledged. `Transient` when none of them was."""
        rows = await self._next()
        if not rows:
            return 0
        try:
            acknowledged = await producer.send(rows)
        except Transient:
            await self._give_back(rows)
            raise
        sent = [row.id for row, ok in zip(rows, acknowledged, strict=True) if ok]
        unsent = [row for row, ok in zip(rows, acknowledged, strict=True) if not ok]
        if sent:
            await until_answered(lambda: self._store.mark_sent(sent))
            self._published.inc(len(sent))
        if unsent:
            await self._give_back(unsent)
            if not sent:
                raise Transient(f"the broker acknowledged none of {len(unsent)} events")
        return len(sent)

    async def _next(self) -> list[OutboxRow]:
        """What was handed over; when there is none, what the store has."""
        if self._handed:
            return [self._handed.popleft() for _ in range(min(_GROUP, len(self._handed)))]
        if not self._behind:
            return []
        self._behind = False
        rows = await self._claimed()
        self._behind |= len(rows) == _GROUP
        return rows

    async def _claimed(self) -> list[OutboxRow]:
        try:
            return await self._store.claim(_GROUP, seconds=self._claim_seconds)
        except Transient:
            self._behind = True
            raise

    async def _give_back(self, rows: Sequence[OutboxRow]) -> None:
        """Unclaim `rows`, and what was handed over since: some of it may be behind them."""
        self._behind = True
        back = [row.id for row in (*rows, *self._handed)]
        self._handed.clear()
        await until_answered(lambda: self._store.unclaim(back))
