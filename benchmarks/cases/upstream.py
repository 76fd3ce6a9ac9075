"""The upstream of the measurement: hands tickets in by HTTP, and hears on `aivis.replies` how their cases end."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
from aiokafka import AIOKafkaConsumer

from aivis import topics
from aivis.events.envelope import Head
from aivis.events.replies import OutcomeReached
from benchmarks.stacks import Stack, partitions

_HEARD_WITHIN_MS = 20
"""How long the broker may hold a fetch: what hearing of an outcome may add to its seconds."""


@dataclass
class Upstream:
    """Sends tickets, and waits for outcomes."""

    gateway: str
    key: str
    http: httpx.AsyncClient
    _ended: dict[str, "asyncio.Future[float]"] = field(default_factory=dict)

    async def case(self, ticket: str, text: str) -> float:
        """Seconds from the ticket's acceptance to its outcome."""
        body = {"ticket": ticket, "customer": "mia", "text": text}
        headers = {"authorization": f"Bearer {self.key}", "idempotency-key": ticket}
        while True:
            response = await self.http.post(f"{self.gateway}/v1/tickets", json=body, headers=headers)
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                break
            await asyncio.sleep(float(response.headers["retry-after"]))
        accepted = time.monotonic()
        response.raise_for_status()
        return await self.ended(response.json()["case"]) - accepted

    def ended(self, case: str) -> "asyncio.Future[float]":
        """When the case reached its outcome, on the monotonic clock."""
        return self._ended.setdefault(case, asyncio.get_running_loop().create_future())

    async def listen(self, consumer: AIOKafkaConsumer) -> None:
        """Note outcomes until cancelled."""
        async for record in consumer:
            head = Head.read(tuple(record.headers), where=record.topic)
            if head.type == OutcomeReached.TYPE and not (ended := self.ended(head.subject)).done():
                ended.set_result(time.monotonic())


@asynccontextmanager
async def listening(stack: Stack, gateway: str, key: str) -> AsyncIterator[Upstream]:
    """An upstream that hears of every outcome from here on."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=stack.kafka, auto_offset_reset="earliest", fetch_max_wait_ms=_HEARD_WITHIN_MS
    )
    await consumer.start()
    async with httpx.AsyncClient(timeout=30) as http:
        upstream = Upstream(gateway, key, http)
        consumer.assign(await partitions(stack.kafka, [topics.REPLIES.name]))
        if not stack.embedded:  # the embedded broker is new, and does not know where its topics end
            await consumer.seek_to_end()
        task = asyncio.create_task(upstream.listen(consumer))
        try:
            yield upstream
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await consumer.stop()
