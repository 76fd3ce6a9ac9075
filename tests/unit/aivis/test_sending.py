"""Events go out in order: none behind one of its topic and key that the broker did not take."""

import asyncio
from collections.abc import Callable

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, UnknownTopicOrPartitionError
from aiokafka.structs import RecordMetadata

from aivis.mailbox.values import OutboxRow
from aivis.sending import Batch, log_first, send_in_order

ROOM, BYTES = 3, 200
"""Records in a batch of the fake's, and bytes; one record alone may be larger, as with aiokafka's."""


class FakeBatch:
    def __init__(self) -> None:
        self.values: list[str] = []

    def append(self, *, timestamp: float | None, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> object:
        if len(self.values) == ROOM or (self.values and len(value) > BYTES):
            return None
        self.values.append(value.decode())
        return "taken"


class FakeProducer:
    """Two partitions a topic; `takes` says of each batch whether the broker has it."""

    def __init__(self, takes: Callable[[list[str]], bool] = lambda _: True) -> None:
        self.batches: list[list[str]] = []
        self.placed: dict[tuple[str, int], list[str]] = {}
        self.under_way: set[tuple[str, int]] = set()
        self._takes = takes

    async def partitions_for(self, topic: str) -> set[int]:
        if topic == "missing":
            raise UnknownTopicOrPartitionError
        return {0, 1}

    def create_batch(self) -> FakeBatch:
        return FakeBatch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[object]":
        assert isinstance(batch, FakeBatch)
        assert (topic, partition) not in self.under_way, "a partition has one batch on its way at a time"
        self.under_way.add((topic, partition))
        self.batches.append(batch.values)
        self.placed.setdefault((topic, partition), []).extend(batch.values)

        async def answer() -> object:
            await asyncio.sleep(0)
            self.under_way.discard((topic, partition))
            if not self._takes(batch.values):
                raise KafkaConnectionError
            return "offset"

        return asyncio.ensure_future(answer())


def rows(*lines: str) -> list[OutboxRow]:
    """A row per line, `topic/key`, whose value is its place."""
    split = (line.split("/") for line in lines)
    return [OutboxRow(n, str(n), topic, key, (), str(n).encode()) for n, (topic, key) in enumerate(split)]


async def sent(producer: FakeProducer, group: list[OutboxRow], *, max_bytes: int = 10_000) -> list[bool]:
    return await send_in_order(producer, group, max_bytes=max_bytes, seconds=30)


async def test_all_of_a_key_go_out_in_order_however_many_batches_it_takes() -> None:
    producer = FakeProducer()
    assert await sent(producer, rows(*["t/a"] * 8)) == [True] * 8
    assert producer.batches == [["0", "1", "2"], ["3", "4", "5"], ["6", "7"]]


class SilentProducer(FakeProducer):
    """One of whose partitions has lost its leader: what goes there is tried for ever."""

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[object]":
        if topic == "silent":
            return asyncio.get_running_loop().create_future()
        return await super().send_batch(batch, topic, partition=partition)


async def test_what_is_not_acknowledged_in_time_counts_as_not_sent_and_holds_up_no_other_partition() -> None:
    group = rows("silent/a", "t/a", "silent/a", "t/a")
    assert await send_in_order(SilentProducer(), group, max_bytes=10_000, seconds=0.01) == [False, True, False, True]


async def test_nothing_follows_a_batch_that_the_broker_did_not_take() -> None:
    producer = FakeProducer(lambda values: "4" not in values)
    assert await sent(producer, rows(*["t/a"] * 8)) == [True] * 3 + [False] * 5
    assert producer.batches == [["0", "1", "2"], ["3", "4", "5"]]


async def test_another_topic_goes_on_when_one_fails() -> None:
    producer = FakeProducer(lambda values: "0" not in values)
    assert await sent(producer, rows("t/a", "u/a", "u/a")) == [False, True, True]


async def test_a_topic_that_is_not_there_keeps_its_own_rows_only() -> None:
    assert await sent(FakeProducer(), rows("missing/a", "t/a")) == [False, True]


@pytest.mark.parametrize("place", [0, 1])
async def test_a_row_that_is_too_large_keeps_back_its_own_key_and_no_other(place: int) -> None:
    group = rows("t/a", "t/a", "t/a", "t/b", "u/a")
    group[place] = group[place]._replace(value=b"x" * 500)
    expected = [n < place for n in range(3)]
    assert await sent(FakeProducer(), group, max_bytes=300) == [*expected, True, True]


async def test_a_key_goes_where_librdkafka_would_send_it() -> None:
    """By CRC32: of two partitions `a` is on the second and `d` on the first."""
    producer = FakeProducer()
    await sent(producer, rows("t/a", "t/d", "t/a", "t/d"))
    assert producer.placed == {("t", 1): ["0", "2"], ("t", 0): ["1", "3"]}


async def test_a_log_goes_out_before_anything_else_of_its_key() -> None:
    """Whatever went out, the log out there tells of it: a database that was put back goes by it."""
    producer = FakeProducer()
    group = rows("t/a", "log/a", "u/a", "log/b", "t/b")
    assert await log_first(group, "log", lambda part: sent(producer, list(part))) == [True] * 5
    order = [value for batch in producer.batches for value in batch]
    assert sorted(order[:2]) == ["1", "3"]


async def test_of_a_key_whose_log_was_not_taken_nothing_goes_out() -> None:
    producer = FakeProducer(lambda values: "1" not in values)
    group = rows("t/a", "log/a", "u/a", "log/d", "t/d")
    assert await log_first(group, "log", lambda part: sent(producer, list(part))) == [False, False, False, True, True]


async def test_whoever_wants_to_know_hears_where_a_batch_went() -> None:
    heard = []

    class Placing(FakeProducer):
        async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[object]":
            answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            answer.set_result(RecordMetadata(topic, partition, TopicPartition(topic, partition), 41, 0, 0, 0))
            return answer

    await send_in_order(
        Placing(), rows("t/a"), max_bytes=300, seconds=1, placed=lambda line, at: heard.append((*line, at))
    )
    assert heard == [("t", 1, 42)]
