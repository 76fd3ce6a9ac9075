"""The bus: one subscriber and one producer per service.

The subscriber takes batches, acknowledges nothing by itself (`MANUAL`), and commits offsets only after the inbox has
the batch: the one order of events in which a crash loses nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from aivis import identity
from aivis.errors import Invalid, Transient
from aivis.events.envelope import Head
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.values import Arrival, Key, Letter, OutboxRow
from aivis.settings import Settings
from aivis.topics import Topic

log = structlog.get_logger()

MAX_RECORD_BYTES = 1024 * 1024
KeyOf = Callable[[Head, bytes], Key]

Refine = Callable[[Topic, Head, Arrival], Arrival | None]
"""A service's last look before a record enters its inbox: the arrival as it shall be, None to pass over, `Invalid`."""


def as_it_is(topic: Topic, head: Head, arrival: Arrival) -> Arrival:
    """Let everything in unchanged."""
    return arrival


def case_key_of(head: Head, value: bytes) -> Key:
    """The mailbox key of most services: the case."""
    return Key(head.tenant, head.subject)


class Bus:
    """Kafka, for one service."""

    def __init__(self, service: str, settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self._servers = settings.kafka.split(",")
        self._producer: AIOKafkaProducer | None = None
        self.broker = KafkaBroker(
            self._servers,
            apply_types=False,
            allow_auto_create_topics=False,
            logger=logging.getLogger("faststream"),
            client_id=f"aivis-{service}",
        )

    def subscribe(
        self, topics: Sequence[Topic], mailbox: Mailbox, key_of: KeyOf = case_key_of, refine: Refine = as_it_is
    ) -> None:
        """Let everything on `topics` into `mailbox`. Once per service: one subscriber over all its topics."""
        table = {topic.name: topic for topic in topics}

        async def receive(message: KafkaMessage) -> None:
            records = message.raw_message if isinstance(message.raw_message, tuple) else (message.raw_message,)
            arrivals, letters = admit(records, table, key_of, refine)
            await mailbox.take_in(arrivals, letters)
            try:
                await message.consumer.commit()
            except KafkaError as error:  # the partitions moved; whoever has them finds the ids known
                log.info("offsets not committed", service=self._service, error=str(error))
            self._pause_while_full(message, mailbox)

        self.broker.subscriber(
            *table,
            batch=True,
            ack_policy=AckPolicy.MANUAL,
            group_id=f"aivis-{self._service}",
            auto_offset_reset="earliest",
            max_records=500,
            batch_timeout_ms=min(50, self._settings.kafka_fetch_wait_ms),
            fetch_max_wait_ms=self._settings.kafka_fetch_wait_ms,
            session_timeout_ms=6_000,
            heartbeat_interval_ms=2_000,
        )(receive, parser=_unread, decoder=_whole)

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
            await self._create(topics)
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self._servers,
                acks="all",
                enable_idempotence=self._settings.kafka_idempotent,
                linger_ms=2,
                max_request_size=MAX_RECORD_BYTES + 64 * 1024,
                client_id=f"aivis-{self._service}",
            )
            await self._producer.start()
            await self.broker.start()
        except (KafkaError, OSError) as error:
            raise Transient(
                f"kafka at {self._settings.kafka}: {error}: is it running, and AIVIS_KAFKA right?"
            ) from error

    async def stop_consuming(self) -> None:
        await self.broker.stop()

    async def stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def ping(self) -> None:
        """Raise `Transient` unless the broker answers."""
        if self._producer is None:
            raise Transient(f"kafka at {self._settings.kafka}: not connected yet")
        try:
            await asyncio.wait_for(self._producer.client.fetch_all_metadata(), 2)
        except (KafkaError, TimeoutError, OSError) as error:
            raise Transient(f"kafka at {self._settings.kafka}: {error or 'no answer in 2 s'}") from error

    async def send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        """Publish in order; see `aivis.mailbox.publishing.Producer`."""
        if self._producer is None:
            raise Transient("kafka: not connected")
        waits: list[asyncio.Future[object]] = []
        try:
            for row in rows:
                headers = list(row.headers)
                waits.append(await self._producer.send(row.topic, row.value, key=row.key.encode(), headers=headers))
        except KafkaError as error:
            topic = rows[len(waits)].topic
            log.warning("broker refused an event", service=self._service, topic=topic, error=str(error))
        answers = await asyncio.gather(*waits, return_exceptions=True)
        return in_order(rows, [not isinstance(answer, BaseException) for answer in answers])

    async def _create(self, topics: Sequence[Topic]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
        await admin.start()
        try:
            present = set(await admin.list_topics())
            missing = [topic for topic in topics if topic.name not in present]
            if missing:
                answer = await admin.create_topics([self._new_topic(topic) for topic in missing])
                _raise_unless_created(answer.topic_errors)
        finally:
            await admin.close()

    def _new_topic(self, topic: Topic) -> NewTopic:
        partitions = self._settings.kafka_partitions or topic.partitions
        configs = {
            "retention.ms": str(int(topic.retention.total_seconds() * 1000)),
            "max.message.bytes": str(MAX_RECORD_BYTES),
        }
        return NewTopic(topic.name, partitions, self._settings.kafka_replication, topic_configs=configs)


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


def _raise_unless_created(errors: Sequence[Sequence[object]]) -> None:
    for name, code, *rest in errors:
        if code and code != TopicAlreadyExistsError.errno:
            raise for_code(code)(f"topic {name}: {rest}")


def in_order(rows: Sequence[OutboxRow], acknowledged: Sequence[bool]) -> list[bool]:
    """Acknowledgements, none behind an unacknowledged row of the same key and topic; short ones count as missing."""
    padded = [*acknowledged, *([False] * (len(rows) - len(acknowledged)))]
    broken: set[tuple[str, str]] = set()
    verdicts = []
    for row, ok in zip(rows, padded, strict=True):
        line = (row.topic, row.key)
        if not ok:
            broken.add(line)
        verdicts.append(ok and line not in broken)
    return verdicts


def admit(
    records: Sequence["ConsumerRecord[bytes, bytes]"],
    table: dict[str, Topic],
    key_of: KeyOf,
    refine: Refine = as_it_is,
) -> tuple[list[Arrival], list[Letter]]:
    """Records as arrivals, and as letters those that cannot be let in: their reasons say why."""
    arrivals: list[Arrival] = []
    letters: list[Letter] = []
    for record in records:
        try:
            head, arrival = _arrival(record, table[record.topic], key_of)
            refined = refine(table[record.topic], head, arrival)
            if refined is not None:
                arrivals.append(refined)
        except Invalid as error:
            letters.append(Letter(record.topic, tuple(record.headers), record.value or b"", str(error)))
    return arrivals, letters


def _arrival(record: "ConsumerRecord[bytes, bytes]", topic: Topic, key_of: KeyOf) -> tuple[Head, Arrival]:
    where = f"{record.topic}[{record.partition}]@{record.offset}"
    headers = tuple(record.headers)
    if record.value is None:
        raise Invalid(f"{where}: the record has no value")
    head = Head.read(headers, where=where)
    if head.type not in {event.TYPE for event in topic.events}:
        raise Invalid(f"{where}: event type {head.type!r} does not belong on this topic")
    expected = identity.case_key(head.tenant, head.subject).encode()
    if record.key != expected:
        raise Invalid(f"{where}: key {record.key!r} is not tenant and case of the event ({expected!r})")
    return head, Arrival(head.id, key_of(head, record.value), record.topic, headers, record.value, head.reasked)
