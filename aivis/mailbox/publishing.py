"""The outbox publisher: ships what was decided, in order per key."""

import asyncio
from collections.abc import Callable, Sequence
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
    """Publishes the outbox of one service."""

    def __init__(
        self, service: str, store: Store, producer: Producer, *, poll_seconds: float, claim_seconds: float
    ) -> None:
        self._service = service
        self._store = store
        self._producer = producer
        self._poll_seconds = poll_seconds
        self._claim_seconds = claim_seconds
        self._wake = asyncio.Event()

    @property
    def wake(self) -> Callable[[], None]:
        """Call it when there is something to publish."""
        return self._wake.set

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            self._wake.clear()
            try:
                shipped = await self._ship_whole()
            except Transient as error:
                log.warning("cannot publish; trying again", service=self._service, error=str(error))
                await asyncio.sleep(self._poll_seconds)
                continue
            if not shipped:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_seconds):  # wait_for may swallow a cancellation
                        await self._wake.wait()

    async def _ship_whole(self) -> int:
        """Ship one group; when cancelled, not before what was claimed is sent, or five seconds have passed."""
        shipping = asyncio.create_task(self.ship())
        try:
            return await asyncio.shield(shipping)
        except asyncio.CancelledError:
            await asyncio.wait([shipping], timeout=5)
            shipping.cancel()
            raise

    async def finish(self, seconds: float) -> None:
        """Publish what there is, for at most `seconds`."""
        with suppress(Transient, TimeoutError):
            async with asyncio.timeout(seconds):
                while await self.ship():
                    pass

    async def ship(self) -> int:
        """Publish one group; how many the broker acknowledged. `Transient` when none of them was."""
        rows = await self._store.claim(_GROUP, seconds=self._claim_seconds)
        if not rows:
            return 0
        try:
            acknowledged = await self._producer.send(rows)
        except Transient:
            await until_answered(lambda: self._store.unclaim([row.id for row in rows]))
            raise
        sent = [row.id for row, ok in zip(rows, acknowledged, strict=True) if ok]
        unsent = [row.id for row, ok in zip(rows, acknowledged, strict=True) if not ok]
        if sent:
            await until_answered(lambda: self._store.mark_sent(sent))
            metrics.PUBLISHED.labels(self._service).inc(len(sent))
        if unsent:
            await until_answered(lambda: self._store.unclaim(unsent))
            if not sent:
                raise Transient(f"the broker acknowledged none of {len(unsent)} events")
        return len(sent)
