"""What is heard on the bus: every event of every case, in the order in which the broker has them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from aivis.topics import CASE_EVENTS


@dataclass(frozen=True)
class Heard:
    """An event of a case's log."""

    key: str
    sequence: int


class Tape:
    """Listens on `aivis.case-events` from its beginning; a broker that comes back is listened to again."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self.heard: list[Heard] = []

    async def listen(self) -> None:
        """Until cancelled. What was heard before a broker was lost counts; it is not heard as if for the first time."""
        while True:
            consumer = AIOKafkaConsumer(
                CASE_EVENTS.name,
                bootstrap_servers=self._kafka,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                metadata_max_age_ms=1_000,
            )
            try:
                await consumer.start()
                async for record in consumer:
                    sequence = dict(record.headers).get("ce_sequence")
                    if sequence is not None:  # rubbish has none
                        self.heard.append(Heard(record.key.decode(), int(sequence)))
            except (KafkaError, OSError):
                await asyncio.sleep(0.5)
            finally:
                with suppress(KafkaError, OSError):
                    await consumer.stop()


@asynccontextmanager
async def listening(kafka: str) -> AsyncIterator[Tape]:
    """A tape that runs while the context lasts."""
    tape = Tape(kafka)
    running = asyncio.create_task(tape.listen())
    try:
        yield tape
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
