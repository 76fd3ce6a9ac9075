"""The topics on the broker, as one service sees them: made when missing, and watched, so that a loss is noticed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from aivis.errors import Transient
from aivis.settings import Settings
from aivis.topics import DEAD_LETTER, DEAD_LETTER_RETENTION, Topic, marker

log = structlog.get_logger()

MAX_RECORD_BYTES = 1024 * 1024
ENVELOPE_BYTES = 64 * 1024
"""What a dead letter has more than the message it carries."""
AWAY = (KafkaError, OSError, TimeoutError)
LOOK_SECONDS = 5
UNSEEN_SECONDS = 0.2
"""No broker goes, comes back empty and is given its topics in so short a time."""
_DEAD_LETTERS = Topic(
    DEAD_LETTER, "Messages given up on, as they came.", (), (), (), partitions=3, retention=DEAD_LETTER_RETENTION
)


class TopicWatch:
    """Makes the topics that a service needs; among them its marker, by whose absence it knows a broker without past.

    What the service published before then goes out again, in its old order and before anything new: nothing goes to
    a broker without the marker, and the marker is made when that is seen to.
    """

    def __init__(self, service: str, settings: Settings, publish_again: Callable[[], Awaitable[int]]) -> None:
        """`publish_again` queues what was published before, waits for what is on its way, and counts it."""
        self._service = service
        self._settings = settings
        self._publish_again = publish_again
        self._needed: Sequence[Topic] = ()
        self._marker = marker(service)
        self._looking = asyncio.Lock()
        self._seen_at = 0.0
        """When the broker last had all topics."""
        self.losses = 0
        """How often the broker was found to be one without past."""

    async def begin(self, topics: Sequence[Topic]) -> None:
        """Make what is missing of `topics`."""
        self._needed = [*topics, _DEAD_LETTERS, self._marker]
        async with self._looking:
            await self._make_missing()

    async def keep(self, producer: AIOKafkaProducer) -> None:
        """Look every few seconds, also when nothing comes and goes. Runs until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look(producer)
            except (*AWAY, Transient) as error:
                log.warning("topics not looked at", service=self._service, error=str(error) or type(error).__name__)

    async def look(self, producer: AIOKafkaProducer) -> None:
        """See whether the broker has all topics, unless that was seen a moment ago; make what is missing."""
        async with self._looking:
            if monotonic() - self._seen_at < UNSEEN_SECONDS:
                return
            present = (await producer.client.fetch_all_metadata()).topics()
            if not present.issuperset(topic.name for topic in self._needed):
                await self._make_missing()
            self._seen_at = monotonic()

    async def check(self, producer: AIOKafkaProducer) -> None:
        """Raise when the broker is one without past; it is not asked again within a moment."""
        if monotonic() - self._seen_at < UNSEEN_SECONDS:
            return
        if self._marker.name not in (await producer.client.fetch_all_metadata()).topics():
            raise KafkaError(f"the broker has no topic {self._marker.name}: it lost what came before")
        self._seen_at = monotonic()

    def doubt(self) -> None:
        """The broker was away: look before anything is sent again."""
        self._seen_at = 0.0

    async def _make_missing(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._settings.kafka.split(","))
        try:
            await admin.start()
            present = set(await admin.list_topics())
            missing = [topic for topic in self._needed if topic.name not in present]
            if self._marker in missing:
                await self._without_past()
            if missing:
                answer = await admin.create_topics([self._new_topic(topic) for topic in missing])
                _raise_unless_created(answer.topic_errors)
                log.info("topics created", service=self._service, topics=[topic.name for topic in missing])
        finally:
            await admin.close()

    async def _without_past(self) -> None:
        self.losses += 1
        count = await self._publish_again()
        if count:
            log.warning("the broker lost its data; publishing again", service=self._service, events=count)

    def _new_topic(self, topic: Topic) -> NewTopic:
        partitions = self._settings.kafka_partitions or topic.partitions
        configs = {
            "retention.ms": str(int(topic.retention.total_seconds() * 1000)),
            "max.message.bytes": str(MAX_RECORD_BYTES + (ENVELOPE_BYTES if topic is _DEAD_LETTERS else 0)),
        }
        return NewTopic(topic.name, partitions, self._settings.kafka_replication, topic_configs=configs)


def _raise_unless_created(errors: Sequence[Sequence[object]]) -> None:
    for name, code, *rest in errors:
        if code and code != TopicAlreadyExistsError.errno:
            raise for_code(code)(f"topic {name}: {rest}")
