"""A broker that loses all its data: what it had comes again by itself, in order, and nothing new is skipped."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from aivis.bus import Bus
from aivis.events.envelope import Event, encode
from aivis.mailbox.values import OutboxRow
from tests.integration.aivis.echo import ANSWERS, REQUESTS, EchoSettings
from tests.integration.aivis.traffic import echoing, listening, producing, request, requests, send, until
from tests.integration.services.broker import SETTINGS, free_port, running_broker

KEYS = 20


async def made(address: str, *names: str) -> None:
    """Make the topics as upstream would, before the service sees that they are gone."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, int(SETTINGS["kafka_partitions"]), 1) for name in names])
    finally:
        await admin.close()


async def sent(producer: AIOKafkaProducer, events: Sequence[Event]) -> None:
    """Send until the broker takes them: this one sometimes refuses what comes while others send."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(KafkaError):
                return await send(producer, events)
            await asyncio.sleep(0.1)


async def there(address: str, name: str) -> None:
    """Return once the service has made the topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        async with asyncio.timeout(20):
            while name not in await admin.list_topics():  # noqa: ASYNC110 - another process's doing
                await asyncio.sleep(0.02)
    finally:
        await admin.close()


async def test_what_a_service_had_published_comes_again_though_nobody_asks(tmp_path: Path) -> None:
    port = free_port()
    with contextlib.ExitStack() as brokers:
        first = brokers.enter_context(running_broker(port))
        async with echoing(first, tmp_path):
            async with listening(first) as answers, producing(first) as producer:
                await send(producer, requests(KEYS, each=3))
                await until(lambda: len(answers.came) == KEYS * 3)
                before = [(event.case, event.id) for event in answers.came]
            brokers.close()
            second = brokers.enter_context(running_broker(port))
            async with listening(second) as answers:
                await until(lambda: len(answers.came) >= KEYS * 3)
                answers.check(KEYS, 3)
                assert sorted(before) == sorted((event.case, event.id) for event in answers.came)


async def test_a_log_that_outgrew_the_lost_one_is_read_from_its_beginning(tmp_path: Path) -> None:
    """The consumer still stands at a place of the old log when the new one has long passed it."""
    port = free_port()
    with contextlib.ExitStack() as brokers:
        first = brokers.enter_context(running_broker(port))
        async with echoing(first, tmp_path):
            async with listening(first) as answers, producing(first) as producer:
                await send(producer, requests(KEYS, each=2))
                await until(lambda: len(answers.came) == KEYS * 2)
            brokers.close()
            second = brokers.enter_context(running_broker(port))
            await made(second, REQUESTS.name)
            async with producing(second) as producer:
                await send(producer, requests(KEYS, each=8, start=2))
                await asyncio.sleep(1)
                await send(producer, requests(KEYS, each=1, start=10))
                async with listening(second) as answers:
                    await until(lambda: len(answers.requests) == KEYS * 11)
                    answers.check(KEYS, 11)


async def test_what_is_on_its_way_when_the_broker_goes_does_not_reach_one_that_came_back_empty(tmp_path: Path) -> None:
    """The client sends again by itself what a connection lost; on the new broker that would stand before the old."""
    port = free_port()
    with contextlib.ExitStack() as brokers:
        first = brokers.enter_context(running_broker(port))
        bus = Bus("test", EchoSettings.model_validate({"kafka": first, "database": f"sqlite:{tmp_path}", **SETTINGS}))
        await bus.start([ANSWERS])
        try:
            assert await bus.send([row(1)]) == [True]
            brokers.close()
            on_its_way = asyncio.create_task(bus.send([row(2)]))
            await asyncio.sleep(0.05)
            assert not on_its_way.done()
            second = brokers.enter_context(running_broker(port))
            await made(second, ANSWERS.name)
            assert await on_its_way == [False]
        finally:
            await bus.stop()


def row(number: int) -> OutboxRow:
    record = encode(request(number, "k0"), ANSWERS.name)
    return OutboxRow(number, str(number), record.topic, "acme/k0", record.headers, record.value)


async def test_answers_stand_on_the_new_broker_in_the_order_in_which_they_were_given(tmp_path: Path) -> None:
    port, dice = free_port(), random.Random(7)
    with contextlib.ExitStack() as brokers:
        first = brokers.enter_context(running_broker(port))
        async with echoing(first, tmp_path, dawdle_ms=5):
            async with listening(first) as answers:
                loading = asyncio.create_task(_load(first))
                await until(lambda: len(answers.came) > KEYS)
            await asyncio.sleep(dice.uniform(0, 0.5))
            brokers.close()
            await asyncio.sleep(dice.uniform(0, 0.3))
            loading.cancel()
            await asyncio.wait([loading])
            second = brokers.enter_context(running_broker(port))
            await there(second, REQUESTS.name)
            async with producing(second) as producer:
                for place in range(200):
                    await sent(producer, requests(KEYS, each=1, start=place))
                async with listening(second) as answers:
                    await until(lambda: len(answers.requests) == KEYS * 200, seconds=40)
                    answers.check(KEYS, 200)


async def _load(address: str) -> None:
    """Requests as fast as they are answered; they end with the broker."""
    async with producing(address, request_timeout_ms=500) as producer:
        for place in range(200):
            await send(producer, requests(KEYS, each=1, start=place))
            await asyncio.sleep(0.01)
