"""The upstream: publishes events as fast as batches go. `python -m benchmarks.hop.sender KAFKA`."""

import asyncio
import sys

import uvloop
from aiokafka import AIOKafkaProducer

from benchmarks.children import answer, commands
from benchmarks.hop.events import record


async def _serve(kafka: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=False, linger_ms=5)
    await producer.start()
    try:
        async for command in commands():
            records = [record(command["run"], number, command["topic"]) for number in range(command["count"])]
            sent = [await producer.send(r.topic, r.value, key=r.key, headers=list(r.headers)) for r in records]
            await asyncio.gather(*sent)
            answer(sent=len(sent), bytes=len(records[0].value))
    finally:
        await producer.stop()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1]))
