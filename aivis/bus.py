"""The bus: one subscriber and one producer per service.

The subscriber takes batches, acknowledges nothing by itself (`MANUAL`), and commits offsets only after the inbox has
the batch: the one order of events in which a crash loses nothing.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.protocol.produce import ProduceRequest
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from aivis.admission import Admission, KeyOf, Received, Refine, as_it_is, case_key_of
from aivis.errors import Transient
from aivis.failpoints import around
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.values import OutboxRow
from aivis.sending import log_first, send_in_order
from aivis.settings import Settings
from aivis.topic_watch import AWAY, ENVELOPE_BYTES, LOOK_SECONDS, MAX_RECORD_BYTES, TopicWatch
from aivis.topics import CASE_EVENTS, Topic

__all__ = ["Bus", "KeyOf", "Refine", "as_it_is", "case_key_of"]

log = structlog.get_logger()

_SEND_SECONDS = 10
"""After which an event counts as not sent; well within the time that a publisher's claim lasts."""
_BATCH_BYTES = 256 * 1024
_LEAVE_SECONDS = 8.0


class Bus:
    """Kafka, for one service."""

    def __init__(self, service: str, settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self._servers = settings.kafka.split(",")
        self._producer: AIOKafkaProducer | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._consuming = False
        self._mailbox: Mailbox | None = None
        self.heard = Admission({})
        """What it reads."""
        self.said = Admission({})
        """What of its own words it reads again once its database was restored."""
        self._watch = TopicWatch(service, settings, self._publish_again)
        self._sending = asyncio.Lock()
        self._sent_after = 0
        """The number of the broker's losses that what is sent takes account of."""
        self.broker = KafkaBroker(
            self._servers,
            apply_types=False,
            allow_auto_create_topics=False,
            consumer_only=True,  # the producer is ours
            logger=logging.getLogger("aivis.bus"),
            client_id=f"aivis-{service}",
            graceful_timeout=5,
            metadata_max_age_ms=LOOK_SECONDS * 1000,
        )

    def subscribe(
        self, topics: Sequence[Topic], mailbox: Mailbox, key_of: KeyOf = case_key_of, refine: Refine = as_it_is
    ) -> None:
        """Let everything on `topics` into `mailbox`. Once per service: one subscriber over all its topics."""
        admission = Admission({topic.name: topic for topic in topics}, key_of, refine)
        mailbox.admit = admission.again
        self._mailbox, self.heard = mailbox, admission

        async def receive(message: KafkaMessage) -> None:
            records = message.raw_message if isinstance(message.raw_message, tuple) else (message.raw_message,)
            with around("bus.read"):
                await mailbox.take_in(*admission.sort(map(received, records)))
            mailbox.at({(record.topic, record.partition): record.offset + 1 for record in records})
            try:
                with around("bus.commit"):
                    await message.consumer.commit()
            except KafkaError as error:  # the partitions moved; whoever has them finds the ids known
                log.info("offsets not committed", service=self._service, error=str(error))
            self._pause_while_full(message, mailbox)

        self.broker.subscriber(
            *admission.table,
            batch=True,
            ack_policy=AckPolicy.MANUAL,
            group_id=f"aivis-{self._service}",
            auto_offset_reset="earliest",
            max_records=500,
            batch_timeout_ms=min(50, self._settings.kafka_fetch_wait_ms),
            fetch_max_wait_ms=self._settings.kafka_fetch_wait_ms,
            session_timeout_ms=self._settings.kafka_session_ms,
            heartbeat_interval_ms=self._settings.kafka_session_ms // 3,
        )(receive, parser=_unread, decoder=_whole)

    def remember(self, topics: Sequence[Topic], key_of: KeyOf = case_key_of, refine: Refine = as_it_is) -> None:
        """Read `topics`, which the service writes, again once its database was restored: what it said it decided."""
        self.said = Admission({topic.name: topic for topic in topics}, key_of, refine)

    def _pause_while_full(self, message: KafkaMessage, mailbox: Mailbox) -> None:
        consumer: Any = message.consumer  # aiokafka's; FastStream's protocol for it leaves pausing out
        if not mailbox.full or not (partitions := consumer.assignment() - consumer.paused()):
            return
        consumer.pause(*partitions)
        log.warning("inbox full; consumer paused", service=self._service)

        async def resume() -> None:
            await mailbox.room()
            consumer.resume(*(partitions & consumer.assignment()))
            log.info("consumer resumed", service=self._service)

        self._resuming = asyncio.create_task(resume())

    async def start(self, topics: Sequence[Topic]) -> None:
        """Create what is missing of `topics`, and connect. `Transient` when the broker does not answer."""
        try:
            await self._watch.begin(topics)
            self._sent_after = self._watch.losses
            self._producer = await self._connected_producer()
            await self.broker.start()
            self._consuming = True
        except AWAY as error:
            await self.stop()
            raise Transient(
                f"kafka at {self._settings.kafka}: {error}: is it running, and AIVIS_KAFKA right?"
            ) from error
        self._keeping = asyncio.create_task(self._watch.keep(self._producer))

    async def _connected_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._servers,
            acks="all",
            request_timeout_ms=_SEND_SECONDS * 1000,
            max_batch_size=_BATCH_BYTES,
            client_id=f"aivis-{self._service}",
        )
        producer.client.send = self._guarded(producer, producer.client.send)
        try:
            await producer.start()
        except AWAY:
            await producer.stop()
            raise
        return producer

    def _guarded(
        self, producer: AIOKafkaProducer, send: Callable[..., Awaitable[Any]]
    ) -> Callable[..., Awaitable[Any]]:
        """The client's `send`, which lets nothing out to a broker without past: aiokafka sends again by itself."""

        async def guarded(node: int, request: object, **more: Any) -> Any:
            if not isinstance(request, ProduceRequest):
                return await send(node, request, **more)
            await self._watch.check(producer)
            try:
                return await send(node, request, **more)
            except KafkaError:
                self._watch.doubt()
                raise

        return guarded

    async def stop_consuming(self) -> None:
        """Read no more, and leave the group; who is still joining it is not waited for: that may take minutes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS if self._consuming else 0.5):
                await self.broker.stop()
        self._consuming = False

    async def stop(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None
        await self.stop_consuming()
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def ping(self) -> None:
        """Raise `Transient` unless the broker answers."""
        if self._producer is None:
            raise Transient(f"kafka at {self._settings.kafka}: not connected yet")
        try:
            async with asyncio.timeout(2):
                await self._producer.client.fetch_all_metadata()
        except AWAY as error:
            raise Transient(f"kafka at {self._settings.kafka}: {error or 'no answer in 2 s'}") from error

    async def send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        """Publish in order; see `aivis.mailbox.publishing.Producer`."""
        if self._producer is None:
            raise Transient("kafka: not connected")
        try:
            await self._watch.look(self._producer)
        except AWAY as error:
            raise Transient(f"kafka at {self._settings.kafka}: {error or type(error).__name__}") from error
        if self._sent_after != self._watch.losses:
            self._sent_after = self._watch.losses
            raise Transient("the broker lost its data: what it had goes out again first")
        async with self._sending:
            return await log_first(rows, CASE_EVENTS.name, self._send)

    async def _send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        assert self._producer is not None
        most = MAX_RECORD_BYTES + ENVELOPE_BYTES
        return await send_in_order(self._producer, rows, max_bytes=most, seconds=_SEND_SECONDS, placed=self._placed)

    def _placed(self, line: TopicPartition, offset: int) -> None:
        if self._mailbox is not None and line.topic in self.said.table:
            self._mailbox.at({(line.topic, line.partition): offset})

    async def _publish_again(self) -> int:
        """Queue again what was sent to a broker that lost it, and wait until nothing is on its way."""
        count = 0 if self._mailbox is None else await self._mailbox.publish_again()
        async with self._sending:
            return count


def received(record: "ConsumerRecord[bytes, bytes]") -> Received:
    """A record as admission takes it."""
    where = f"{record.topic}[{record.partition}]@{record.offset}"
    headers = tuple(record.headers)
    if None in [value for _, value in headers]:  # Kafka knows headers without a value
        headers = tuple([(name, value or b"") for name, value in headers])
    return Received(record.topic, where, record.key, headers, record.value)


async def _unread(
    records: tuple["ConsumerRecord[bytes, bytes]", ...], parse: Callable[[object], Awaitable[KafkaMessage]]
) -> KafkaMessage:
    """FastStream's message around `records` as they came: its own parser raises on a header that is not UTF-8."""
    message = await parse((replace(records[0], headers=()),))
    message.raw_message = records
    return message


async def _whole(message: KafkaMessage) -> KafkaMessage:
    """Hand the message itself to the handler."""
    return message
