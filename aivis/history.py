"""What the bus still has of its past: topics read once more, from a place to their present end."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from aivis.errors import Transient
from aivis.mailbox.values import Place
from aivis.settings import Settings

Take = Callable[[Sequence["ConsumerRecord[bytes, bytes]"]], Awaitable[None]]
_AWAY = (KafkaError, OSError, TimeoutError)
_AT_ONCE = 500


@dataclass(frozen=True)
class History:
    """The past that a broker has. Nothing that is read here moves a group's offsets."""

    consumer: AIOKafkaConsumer
    places: Mapping[str, tuple[TopicPartition, ...]]
    """The partitions of each topic that is there."""

    def has(self, topic: str) -> bool:
        return topic in self.places

    async def read(self, topics: Iterable[str], since: Mapping[Place, int], take: Take) -> bool:
        """Hand everything on `topics` from the places `since` on to `take`; whether the broker still had all of it.

        A partition that `since` does not name is read from its first record on.
        """
        wanted = [*topics]
        lines = [line for topic in wanted for line in self.places.get(topic, ())]
        if not lines:
            return not wanted
        self.consumer.assign(lines)
        first, last = await self.consumer.beginning_offsets(lines), await self.consumer.end_offsets(lines)
        begin = {line: since.get((line.topic, line.partition), 0) for line in lines}
        for line in lines:  # the embedded broker's end is that of its last batch's first record
            self.consumer.seek(line, min(max(begin[line], first[line]), last[line]))
        ends = await self._to_the_end(last, take)
        return all(map(self.has, wanted)) and all(first[line] <= begin[line] <= ends[line] for line in lines)

    async def _to_the_end(self, last: Mapping[TopicPartition, int], take: Take) -> dict[TopicPartition, int]:
        """Read on to where each partition ended when it was first looked at; these ends."""
        ends: dict[TopicPartition, int] = {}
        while True:
            found = await self.consumer.getmany(timeout_ms=500, max_records=_AT_ONCE)
            for records in found.values():
                await take(records)
            for line, end in last.items():
                if line not in ends and (mark := self.consumer.highwater(line)) is not None:
                    ends[line] = max(mark, end)
            if len(ends) == len(last) and not [line for line in last if await self._position(line) < ends[line]]:
                return ends

    async def _position(self, line: TopicPartition) -> int:
        position: int = await self.consumer.position(line)
        return position


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[History]:
    """The history on the broker of `settings`. `Transient` when it does not answer."""
    servers = settings.kafka.split(",")
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False, auto_offset_reset="earliest")
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await admin.start()
        await consumer.start()
        yield History(consumer, await _places(admin))
    except _AWAY as error:
        raise Transient(f"kafka at {settings.kafka}: {error or type(error).__name__}") from error
    finally:
        await admin.close()
        await consumer.stop()


async def _places(admin: AIOKafkaAdminClient) -> dict[str, tuple[TopicPartition, ...]]:
    return {
        topic["topic"]: tuple(TopicPartition(topic["topic"], one["partition"]) for one in topic["partitions"])
        for topic in await admin.describe_topics(await admin.list_topics())
    }
