"""Sending events so that none overtakes another of its topic and key, whatever fails on the way.

A partition has one batch on its way at a time. The broker takes a batch whole or not at all, and behind one that it
did not take nothing is sent.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from zlib import crc32

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError

from aivis.failpoints import around
from aivis.mailbox.values import OutboxRow

log = structlog.get_logger()

_ROUGH_BYTES = 64
"""What a record has beside key, headers and value."""

Lines = dict[TopicPartition, deque[int]]
"""The places of rows in the group, in order, by where they go."""

Placed = Callable[[TopicPartition, int], None]
"""Hears where the broker put a batch: the offset behind it."""


class Batch(Protocol):
    """A batch being filled; aiokafka's."""

    def append(self, *, timestamp: float | None, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> object:
        """None: it is full."""


class Producer(Protocol):
    """What is used of aiokafka's producer."""

    async def partitions_for(self, topic: str) -> set[int]: ...

    def create_batch(self) -> Batch: ...

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[object]": ...


async def log_first(
    rows: Sequence[OutboxRow], log: str, send: Callable[[Sequence[OutboxRow]], Awaitable[list[bool]]]
) -> list[bool]:
    """`send` the rows on the topic `log` before the others: whatever went out, the log out there tells of it.

    Of a key whose log was not taken whole nothing else is sent.
    """
    ahead = [place for place, row in enumerate(rows) if row.topic == log]
    if not ahead or len(ahead) == len(rows):
        return await send(rows)
    sent = dict(zip(ahead, await send([rows[place] for place in ahead]), strict=True))
    stopped = {rows[place].key for place, taken in sent.items() if not taken}
    behind = [place for place, row in enumerate(rows) if row.topic != log and row.key not in stopped]
    sent |= zip(behind, await send([rows[place] for place in behind]), strict=True)
    return [sent.get(place, False) for place in range(len(rows))]


def nobody(line: TopicPartition, offset: int) -> None:
    """Nobody wants to know where batches went."""


async def send_in_order(
    producer: Producer, rows: Sequence[OutboxRow], *, max_bytes: int, seconds: float, placed: Placed = nobody
) -> list[bool]:
    """Send `rows`, of at most `max_bytes` each; for each whether the broker has it.

    A batch that is not acknowledged within `seconds` counts as not sent.
    A row that is too large stops those behind it of its topic and key, and no other.
    """
    sent = [False] * len(rows)
    lines = await _lines(producer, rows)
    while lines:
        filled = {line: _filled(producer.create_batch(), rows, places, max_bytes) for line, places in lines.items()}
        batches = {line: batch for line, (batch, places) in filled.items() if places}
        answers = await asyncio.gather(*(_send(producer, line, batch, seconds) for line, batch in batches.items()))
        taken = {line: offset for line, offset in zip(batches, answers, strict=True) if offset is not None}
        for line, offset in taken.items():
            places = filled[line][1]
            for place in places:
                sent[place] = True
            placed(line, offset + len(places))
        lines = {line: places for line, places in lines.items() if places and line in taken}
    return sent


async def _lines(producer: Producer, rows: Sequence[OutboxRow]) -> Lines:
    """Where each row goes, by CRC32 as librdkafka's `consistent`: Java's murmur2 costs 20 times as much in Python.

    None for rows whose topic is not there.
    """
    partitions = {topic: await _partitions(producer, topic) for topic in {row.topic for row in rows}}
    lines: Lines = {}
    for place, row in enumerate(rows):
        if of_topic := partitions[row.topic]:
            line = TopicPartition(row.topic, of_topic[crc32(row.key.encode()) % len(of_topic)])
            lines.setdefault(line, deque()).append(place)
    return lines


async def _partitions(producer: Producer, topic: str) -> list[int]:
    try:
        return sorted(await producer.partitions_for(topic))
    except KafkaError as error:
        log.warning("topic not known", topic=topic, error=str(error))
        return []


def _filled(batch: Batch, rows: Sequence[OutboxRow], places: deque[int], max_bytes: int) -> tuple[Batch, list[int]]:
    """The batch with as many of the first `places` as fit, taken off; the first always does.

    What is too large for the broker is larger than a batch, and so is met when it is the first.
    """
    taken: list[int] = []
    while places:
        row = rows[places[0]]
        if not taken and (size := _size(row)) > max_bytes:
            log.error("event too large", topic=row.topic, id=row.event_id, bytes=size, most=max_bytes)
            behind = [place for place in places if rows[place].key != row.key]
            places.clear()
            places.extend(behind)
            continue
        if batch.append(timestamp=None, key=row.key.encode(), value=row.value, headers=list(row.headers)) is None:
            break
        taken.append(places.popleft())
    return batch, taken


async def _send(producer: Producer, line: TopicPartition, batch: Batch, seconds: float) -> int | None:
    """The batch's first offset; None when the broker did not take it, so far as is known."""
    try:
        with around("bus.send"):
            acknowledged = await producer.send_batch(batch, line.topic, partition=line.partition)
            done, _ = await asyncio.wait({acknowledged}, timeout=seconds)
            if not done:  # it may yet get there; what is sent again is known by its id
                acknowledged.add_done_callback(_heard)
                raise KafkaTimeoutError(f"no acknowledgement in {seconds:g} s")
            offset: int = getattr(acknowledged.result(), "offset", 0)
    except KafkaError as error:
        log.warning("broker did not take events", topic=line.topic, partition=line.partition, error=str(error))
        return None
    return offset


def _heard(late: "asyncio.Future[object]") -> None:
    """Nobody waits any more for how it went."""
    if not late.cancelled():
        late.exception()


def _size(row: OutboxRow) -> int:
    headers = sum([len(name) + len(value) + 4 for name, value in row.headers])
    return _ROUGH_BYTES + len(row.key) + len(row.value) + headers
