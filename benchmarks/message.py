"""The broker's own limit of time: one bare message, from sending to receiving, nothing else under way."""

import os
import time
from statistics import median

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.hop.relay import FETCH_WAIT_MS
from benchmarks.stacks import Stack, topics_of_our_own

_MESSAGES = 20


async def seconds_per_message(stack: Stack) -> float:
    """The median of some messages, fetched as services fetch."""
    topic = f"aivis-bench.{os.getpid()}.message"
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka, enable_idempotence=False, acks="all", linger_ms=2)
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka, fetch_max_wait_ms=FETCH_WAIT_MS)
    async with topics_of_our_own(stack, topic):
        await producer.start()
        await consumer.start()
        try:
            consumer.assign([TopicPartition(topic, 0)])
            await consumer.seek_to_beginning()
            return median([await _seconds(producer, consumer, topic) for _ in range(_MESSAGES)])
        finally:
            await consumer.stop()
            await producer.stop()


async def _seconds(producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, topic: str) -> float:
    start = time.monotonic()
    await producer.send_and_wait(topic, b"x" * 1024)
    await consumer.getone()
    return time.monotonic() - start
