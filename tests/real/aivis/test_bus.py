"""A whole service on a real Kafka and a real PostgreSQL: real groups, real offsets."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from aivis.topics import marker
from tests.integration.aivis.echo import ANSWERS, REQUESTS
from tests.integration.aivis.traffic import echoing, listening, producing, requests, send, until

KAFKA, POSTGRES = os.environ.get("AIVIS_TEST_KAFKA", ""), os.environ.get("AIVIS_TEST_POSTGRES", "")
pytestmark = pytest.mark.skipif(
    not (KAFKA and POSTGRES), reason="AIVIS_TEST_KAFKA and AIVIS_TEST_POSTGRES name no servers: `make test-real`"
)
REAL = {"database": POSTGRES}


@pytest.fixture
async def suffix() -> AsyncIterator[str]:
    """Topics and a database schema of the test's own."""
    made = f".{uuid4().hex[:8]}"
    yield made
    admin = AIOKafkaAdminClient(bootstrap_servers=KAFKA)
    await admin.start()
    await admin.delete_topics([topic.name + made for topic in (REQUESTS, ANSWERS)])
    await admin.close()
    connection = await asyncpg.connect(POSTGRES)
    await connection.execute("drop schema if exists aivis_test cascade")
    await connection.close()


async def test_requests_are_answered_each_case_in_order_by_whoever_is_there(tmp_path: Path, suffix: str) -> None:
    """Stopped in the middle and started again: the offsets say where to go on, the inbox what was begun."""
    async with contextlib.AsyncExitStack() as stack:
        async with echoing(KAFKA, tmp_path, suffix=suffix, **REAL):
            answers = await stack.enter_async_context(listening(KAFKA, suffix=suffix))
            producer = await stack.enter_async_context(producing(KAFKA))
            await send(producer, requests(keys=100, each=5), suffix=suffix)
            await until(lambda: len(answers.came) > 100)
        await send(producer, requests(keys=100, each=5, start=5), suffix=suffix)
        assert len(answers.came) <= 500
        async with echoing(KAFKA, tmp_path, suffix=suffix, **REAL):
            await until(lambda: len(answers.requests) == 1_000, seconds=40)
        answers.check(keys=100, each=10)


async def test_two_processes_share_the_work_and_do_nothing_twice(tmp_path: Path, suffix: str) -> None:
    async with (
        echoing(KAFKA, tmp_path, suffix=suffix, **REAL) as one,
        echoing(KAFKA, tmp_path, suffix=suffix, **REAL) as other,
        listening(KAFKA, suffix=suffix) as answers,
        producing(KAFKA) as producer,
    ):
        assert one.store is not other.store
        for start in range(10):
            await send(producer, requests(keys=60, each=1, start=start), suffix=suffix)
        await until(lambda: len(answers.requests) == 600, seconds=40)
        answers.check(keys=60, each=10)
        assert len(answers.came) == 600


async def test_asked_again_it_repeats_the_recorded_answers(tmp_path: Path, suffix: str) -> None:
    async with (
        echoing(KAFKA, tmp_path, suffix=suffix, **REAL),
        listening(KAFKA, suffix=suffix) as answers,
        producing(KAFKA) as producer,
    ):
        await send(producer, requests(keys=5, each=2), suffix=suffix)
        await until(lambda: len(answers.came) == 10)
        await send(producer, requests(keys=5, each=2, reasked=True), suffix=suffix)
        await until(lambda: len(answers.came) >= 20)
        answers.check(keys=5, each=2)


async def test_what_a_broker_lost_is_published_again_and_work_goes_on(tmp_path: Path, suffix: str) -> None:
    """The topics are deleted under the service: group and all."""
    async with echoing(KAFKA, tmp_path, suffix=suffix, **REAL):
        async with listening(KAFKA, suffix=suffix) as answers, producing(KAFKA) as producer:
            await send(producer, requests(keys=20, each=5), suffix=suffix)
            await until(lambda: len(answers.came) == 100)
        admin = AIOKafkaAdminClient(bootstrap_servers=KAFKA)
        await admin.start()
        await admin.delete_topics([ANSWERS.name + suffix, marker("test").name])
        await admin.close()
        async with producing(KAFKA) as producer:
            await send(producer, requests(keys=20, each=5, start=5), suffix=suffix)
            await until_answered_anew(suffix)


async def until_answered_anew(suffix: str) -> None:
    """Until the log that was made anew holds every answer, those from before it too, in order."""
    async with asyncio.timeout(40):
        while True:
            async with listening(KAFKA, suffix=suffix) as answers:
                with contextlib.suppress(TimeoutError):
                    await until(lambda: len(answers.requests) == 200, seconds=5)
                    answers.check(keys=20, each=10)
                    return
