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
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAlreadyExistsError, for_code
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from aivis.admission import Admission, KeyOf, Received, Refine, as_it_is, case_key_of
from aivis.errors import Transient
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.values import OutboxRow
from aivis.settings import Settings
from aivis.topics import DEAD_LETTER, DEAD_LETTER_RETENTION, Topic

__all__ = ["Bus", "KeyOf", "Refine", "as_it_is", "case_key_of", "in_order"]

log = structlog.get_logger()

MAX_RECORD_BYTES = 1024 * 1024
_ENVELOPE_BYTES = 64 * 1024
"""What a dead letter has more than the message it carries."""
_DEAD_LETTERS = Topic(
    DEAD_LETTER, "Messages given up on, as they came.", (), (), (), partitions=3, retention=DEAD_LETTER_RETENTION
)
_LOOK_FOR_TOPICS_SECONDS = 5.0
_LEAVE_SECONDS = 8.0
_AWAY = (KafkaError, OSError, TimeoutError)


class Bus:
    """Kafka, for one service."""

    def __init__(self, service: str, settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self._servers = settings.kafka.split(",")
        self._producer: AIOKafkaProducer | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._consuming = False
        self.broker = KafkaBroker(
            self._servers,
            apply_types=False,
            allow_auto_create_topics=False,
            consumer_only=True,  # the producer is ours
            logger=logging.getLogger("aivis.bus"),
            client_id=f"aivis-{service}",
            graceful_timeout=5,
        )

    def subscribe(
        self, topics: Sequence[Topic], mailbox: Mailbox, key_of: KeyOf = case_key_of, refine: Refine = as_it_is
    ) -> None:
        """Let everything on `topics` into `mailbox`. Once per service: one subscriber over all its topics."""
        admission = Admission({topic.name: topic for topic in topics}, key_of, refine)
        mailbox.admit = admission.again

        async def receive(message: KafkaMessage) -> None:
            records = message.raw_message if isinstance(message.raw_message, tuple) else (message.raw_message,)
            await mailbox.take_in(*admission.sort(map(_received, records)))
            try:
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
        needed = [*topics, _DEAD_LETTERS]
        try:
            await self._create(needed)
            self._producer = await self._connected_producer()
            await self.broker.start()
            self._consuming = True
        except _AWAY as error:
            await self.stop()
            raise Transient(
                f"kafka at {self._settings.kafka}: {error}: is it running, and AIVIS_KAFKA right?"
            ) from error
        self._keeping = asyncio.create_task(self._keep(needed))

    async def _connected_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._servers,
            acks="all",
            enable_idempotence=self._settings.kafka_idempotent,
            linger_ms=2,
            max_request_size=MAX_RECORD_BYTES + _ENVELOPE_BYTES,
            client_id=f"aivis-{self._service}",
        )
        try:
            await producer.start()
        except _AWAY:
            await producer.stop()
            raise
        return producer

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
        except _AWAY as error:
            raise Transient(f"kafka at {self._settings.kafka}: {error or 'no answer in 2 s'}") from error

    async def send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        """Publish in order; see `aivis.mailbox.publishing.Producer`."""
        if self._producer is None:
            raise Transient("kafka: not connected")
        waits: dict[int, asyncio.Future[object]] = {}
        broken: set[tuple[str, str]] = set()
        for n, row in enumerate(rows):
            if (row.topic, row.key) in broken:
                continue
            try:
                headers = list(row.headers)
                waits[n] = await self._producer.send(row.topic, row.value, key=row.key.encode(), headers=headers)
            except MessageSizeTooLargeError as error:  # this row's own fault: the other keys go on
                broken.add((row.topic, row.key))
                log.error("event too large", service=self._service, topic=row.topic, id=row.event_id, error=str(error))
            except KafkaError as error:
                log.warning("broker refused an event", service=self._service, topic=row.topic, error=str(error))
                break
        answers = await asyncio.gather(*waits.values(), return_exceptions=True)
        sent = {n for n, answer in zip(waits, answers, strict=True) if not isinstance(answer, BaseException)}
        return in_order(rows, [n in sent for n in range(len(rows))])

    async def _keep(self, topics: Sequence[Topic]) -> None:
        """Give a broker that lost its topics what is missing, with our partitions. Runs until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_FOR_TOPICS_SECONDS)
            try:
                await self._create(topics)
            except _AWAY as error:
                log.warning("topics not looked at", service=self._service, error=str(error) or type(error).__name__)

    async def _create(self, topics: Sequence[Topic]) -> None:
        present = set() if self._producer is None else (await self._producer.client.fetch_all_metadata()).topics()
        if present.issuperset(topic.name for topic in topics):
            return
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
        try:
            await admin.start()
            present = set(await admin.list_topics())
            missing = [topic for topic in topics if topic.name not in present]
            if missing:
                answer = await admin.create_topics([self._new_topic(topic) for topic in missing])
                _raise_unless_created(answer.topic_errors)
                log.info("topics created", service=self._service, topics=[topic.name for topic in missing])
        finally:
            await admin.close()

    def _new_topic(self, topic: Topic) -> NewTopic:
        partitions = self._settings.kafka_partitions or topic.partitions
        configs = {
            "retention.ms": str(int(topic.retention.total_seconds() * 1000)),
            "max.message.bytes": str(MAX_RECORD_BYTES + (_ENVELOPE_BYTES if topic is _DEAD_LETTERS else 0)),
        }
        return NewTopic(topic.name, partitions, self._settings.kafka_replication, topic_configs=configs)


def _received(record: "ConsumerRecord[bytes, bytes]") -> Received:
    where = f"{record.topic}[{record.partition}]@{record.offset}"
    headers = tuple((name, value or b"") for name, value in record.headers)  # Kafka knows headers without a value
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
