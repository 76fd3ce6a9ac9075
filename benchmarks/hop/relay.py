"""The broker's own limit: bare aiokafka, batch in, the same bytes out, offsets committed a batch.

`python -m benchmarks.hop.relay KAFKA FROM TO`. No database, no decision, no envelope read.
"""

import asyncio
import sys
import time

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from aivis.service import spare_what_stays
from benchmarks.children import answer, commands

_BATCH = 500
_WAIT_MS = 50
FETCH_WAIT_MS = 100


class Relay:
    """Passes records on, and counts them."""

    def __init__(self, kafka: str, source: str, target: str) -> None:
        self._target = target
        self._passed = 0
        self._moved = asyncio.Event()
        self._consumer = AIOKafkaConsumer(
            source, bootstrap_servers=kafka, group_id=f"{source}-relay", enable_auto_commit=False,
            auto_offset_reset="earliest", fetch_max_wait_ms=FETCH_WAIT_MS, session_timeout_ms=6_000,
        )  # fmt: skip
        self._producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=False, acks="all", linger_ms=2)

    async def run(self) -> None:
        await self._consumer.start()
        await self._producer.start()
        try:
            while True:
                found = await self._consumer.getmany(timeout_ms=_WAIT_MS, max_records=_BATCH)
                records = [record for batch in found.values() for record in batch]
                if records:
                    await self._pass_on(records)
        finally:
            await self._producer.stop()
            await self._consumer.stop()

    async def _pass_on(self, records: list) -> None:  # type: ignore[type-arg]  # aiokafka has no types
        send = self._producer.send
        sent = [await send(self._target, r.value, key=r.key, headers=list(r.headers)) for r in records]
        await asyncio.gather(*sent)
        await self._consumer.commit()
        self._passed += len(records)
        self._moved.set()

    async def passed(self, count: int) -> float:
        """This process's CPU seconds once `count` records were passed on."""
        while self._passed < count:
            self._moved.clear()
            await self._moved.wait()
        return time.process_time()


async def _serve(kafka: str, source: str, target: str) -> None:
    spare_what_stays()  # as services do
    relay = Relay(kafka, source, target)
    running = asyncio.create_task(relay.run())
    async for command in commands():
        answer(cpu=await relay.passed(command["count"]))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:4]))
