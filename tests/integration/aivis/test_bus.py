"""A whole service over a real broker: what comes in is answered, whatever happens."""

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from aivis import topics
from aivis.events.envelope import Record, encode
from aivis.events.plans import PlanMade
from aivis.mailbox.ports import Store
from aivis.mailbox.values import Letter
from tests.integration.aivis.echo import REQUESTS
from tests.integration.aivis.traffic import (
    answered,
    echoing,
    listening,
    producing,
    request,
    requests,
    send,
    starting,
    until,
)
from tests.integration.services.broker import free_port, running_broker


async def test_two_thousand_requests_are_answered_each_case_in_order(tmp_path: Path) -> None:
    with running_broker() as broker:
        async with echoing(broker, tmp_path), listening(broker) as answers, producing(broker) as producer:
            await send(producer, requests(keys=200, each=10))
            await until(lambda: len(answers.came) >= 2_000)
            answers.check(keys=200, each=10)
            assert len(answers.came) == 2_000


EVENT = request(0, "bad")
BAD = encode(EVENT, REQUESTS.name)


def changed(**headers: bytes) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, headers.get(name, value)) for name, value in BAD.headers)


OTHER = PlanMade.TYPE.encode()
MALFORMED: dict[str, tuple[dict[str, object], str]] = {
    "no headers": ({"headers": ()}, "CloudEvents header ce_id: Field required"),
    "a header that is not UTF-8": ({"headers": changed(ce_id=b"\xff\xfe")}, "CloudEvents header ce_id: not UTF-8"),
    "a header twice": ({"headers": (*BAD.headers, ("ce_tenant", b"globex"))}, "ce_tenant: given twice"),
    "a NUL in the case": ({"headers": changed(ce_subject=b"a\x00")}, "ce_subject: has control characters"),
    "another case's key": ({"key": b"acme/other"}, "key b'acme/other' is not tenant and case of the event"),
    "no key": ({"key": None}, "key None is not tenant and case of the event"),
    "an unknown type": ({"headers": changed(ce_type=b"aivis.cake")}, "event type 'aivis.cake' is unknown"),
    "a type of another topic": ({"headers": changed(ce_type=OTHER)}, "does not belong on this topic"),
    "900 KB": ({"value": b'{"text": "' + b"x" * 900_000 + b'"}'}, "is 900012 bytes, over the 262144"),
    "no value": ({"value": None}, "the record has no value"),
    "not JSON": ({"value": b"\xff{"}, "the body is not JSON"),
    "nested 10,000 deep": ({"value": b'{"text":' + b"[" * 10_000 + b"]" * 10_000 + b"}"}, "the body is not JSON"),
    "nested 100 deep": ({"value": b'{"text":' + b"[" * 100 + b"]" * 100 + b"}"}, "nests deeper than 64 levels"),
    "a field missing": ({"value": b'{"request": "r", "text": "t"}'}, "field customer: Field required"),
}


def malformed(name: str, number: int) -> dict[str, object]:
    """The record, with an id of its own where it has one that counts."""
    changes, _ = MALFORMED[name]
    kept = {"value": BAD.value, "key": BAD.key, "headers": BAD.headers} | changes
    headers = kept["headers"]
    assert isinstance(headers, tuple)
    kept["headers"] = [
        (n, f"bad-{number}".encode() if n == "ce_id" and v == EVENT.id.encode() else v) for n, v in headers
    ]
    return kept


async def test_malformed_records_are_put_aside_with_their_bytes_and_a_reason_and_nobody_stops(tmp_path: Path) -> None:
    with running_broker() as broker:
        async with echoing(broker, tmp_path) as running, listening(broker) as answers, producing(broker) as producer:
            for number, name in enumerate(MALFORMED):
                await producer.send_and_wait(REQUESTS.name, **malformed(name, number), partition=0)
                await send(producer, [request(number, "good")])
            await until(lambda: len(answers.requests) == len(MALFORMED))
            answers.check(keys=1, each=len(MALFORMED))
            letters = await letters_of(running.store, len(MALFORMED))
            for number, name in enumerate(MALFORMED):
                sent, reason = malformed(name, number), MALFORMED[name][1]
                found = [letter for letter in letters if reason in letter.reason and same(letter, sent)]
                assert len(found) == 1, f"{name}: {[letter.reason for letter in letters]}"
            dead = await records(broker, topics.DEAD_LETTER, count=4)
            assert {b'{"request": "r", "text": "t"}', b"\xff{"} < {record.value for record in dead}
            assert (await running.ready()).status_code == 200


def same(letter: Letter, sent: dict[str, object]) -> bool:
    headers = sent["headers"]
    assert isinstance(headers, list)
    return letter.value == (sent["value"] or b"") and letter.headers[: len(headers)] == tuple(headers)


async def letters_of(store: Store, count: int) -> list[Letter]:
    async with asyncio.timeout(10):
        while True:
            found = [await store.letter(heading.id) for heading in await store.letters(limit=100)]
            if len(found) >= count:
                return [letter for letter in found if letter is not None]
            await asyncio.sleep(0.05)


async def records(address: str, topic: str, *, count: int) -> list[Record]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest")
    await consumer.start()
    found: list[Record] = []
    try:
        async with asyncio.timeout(10):
            async for record in consumer:
                found.append(Record(topic=topic, key=record.key, headers=tuple(record.headers), value=record.value))
                if len(found) == count:
                    return found
    finally:
        await consumer.stop()
    raise AssertionError(f"{topic}: only {len(found)} records")


async def test_upstream_may_compress_as_it_likes(tmp_path: Path) -> None:
    with running_broker() as broker:
        async with echoing(broker, tmp_path), listening(broker) as answers:
            for codec in ("gzip", "snappy", "lz4", "zstd"):
                async with producing(broker, compression_type=codec) as producer:
                    await send(producer, [request(n, codec) for n in range(20)])
            await until(lambda: len(answers.requests) == 80)
            answers.check(keys=4, each=20)


async def test_a_full_inbox_pauses_the_consumer_and_everything_is_answered_in_the_end(tmp_path: Path) -> None:
    with running_broker() as broker:
        async with (
            echoing(broker, tmp_path, backlog=200, in_flight=50, dawdle_ms=50) as running,
            listening(broker) as answers,
            producing(broker) as producer,
        ):
            deepest = 0
            for start in range(0, 1_500, 300):
                await send(producer, requests(keys=300, each=1, start=start // 300))
            while len(answers.came) < 1_500:
                deepest = max(deepest, (await running.store.depths()).inbox)
                await asyncio.sleep(0.05)
            assert 200 <= deepest < 1_200, "a batch beyond the bound, not the whole topic"
            answers.check(keys=300, each=5)


async def test_a_broker_that_lost_all_its_data_is_given_its_topics_and_the_recorded_answers_again(
    tmp_path: Path,
) -> None:
    """Nobody counted on the broker: who misses an answer asks again, and gets the one that was decided."""
    port, folder = free_port(), tmp_path
    with contextlib.ExitStack() as brokers:
        first = brokers.enter_context(running_broker(port))
        async with echoing(first, folder) as running:
            async with listening(first) as answers, producing(first) as producer:
                await send(producer, requests(keys=20, each=2))
                await until(lambda: len(answers.came) == 40)
                before = {event.id: event.data for event in answers.came}
            brokers.close()
            await answered(running, status=503)
            second = brokers.enter_context(running_broker(port))
            await until(lambda: partitions(second, REQUESTS.name) == 3, seconds=30)
            async with listening(second) as answers, producing(second) as producer:
                await send(producer, requests(keys=20, each=2, reasked=True))
                await send(producer, requests(keys=20, each=1, start=2))
                await until(lambda: len(answers.requests) == 60, seconds=30)
            assert before.items() <= {event.id: event.data for event in answers.came}.items()
            answers.check(keys=20, each=3)
            await answered(running)


def partitions(address: str, topic: str) -> int:
    """How many partitions the broker has of `topic`; 0 when it has none such. Asked in a thread of its own."""

    async def ask() -> int:
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        try:
            if topic not in await admin.list_topics():
                return 0
            [described] = await admin.describe_topics([topic])
            return len(described["partitions"])
        finally:
            await admin.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, ask()).result()


async def test_a_service_that_starts_before_its_broker_says_so_and_works_when_it_is_there(tmp_path: Path) -> None:
    port = free_port()
    async with starting(f"127.0.0.1:{port}", tmp_path) as running:
        said = (await answered(running, status=503)).json()
        assert (said["ready"], said["kafka"]) == (False, f"kafka at 127.0.0.1:{port}: not connected yet")
        await asyncio.sleep(0.5)
        assert (await running.ready()).json()["database"] == "ok"
        with running_broker(port) as broker:
            await answered(running)
            async with listening(broker) as answers, producing(broker) as producer:
                await send(producer, requests(keys=3, each=2))
                await until(lambda: len(answers.came) == 6)
            running.stop.set()
            await running.task


async def test_a_service_that_is_stopped_before_its_broker_came_ends_at_once(tmp_path: Path) -> None:
    async with starting("127.0.0.1:9", tmp_path) as running:
        await asyncio.sleep(0.5)
        running.stop.set()
        async with asyncio.timeout(2):
            await running.task


async def test_a_service_that_is_stopped_while_it_joins_its_group_ends_at_once(tmp_path: Path) -> None:
    with running_broker() as broker:
        async with starting(broker, tmp_path) as running:
            await asyncio.sleep(1.5)
            running.stop.set()
            async with asyncio.timeout(2):
                await running.task


async def test_readiness_names_what_is_away(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "test.db"
    with contextlib.ExitStack() as brokers:
        address = brokers.enter_context(running_broker(port))
        async with echoing(address, tmp_path) as running:
            assert (await running.ready()).json() == {"ready": True, "database": "ok", "kafka": "ok"}
            assert partitions(address, topics.DEAD_LETTER) == 3, "it is there before the first dead letter"
            file.rename(tmp_path / "moved")
            said = (await answered(running, status=503)).json()
            assert (said["ready"], said["kafka"]) == (False, "ok")
            assert said["database"] == f"{file}: the file is gone, and what is written now is lost: bring it back"
            (tmp_path / "moved").rename(file)
            await answered(running)
            brokers.close()
            said = (await answered(running, status=503)).json()
            assert said["database"] == "ok"
            assert said["kafka"].startswith(f"kafka at {address}: ")
            started = time.monotonic()
            running.stop.set()
            await running.task
            assert time.monotonic() - started < 15, "a broker that is away holds no service"
