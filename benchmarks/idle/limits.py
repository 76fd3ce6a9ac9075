"""What an idle stack cannot do without: a broker with consumers that wait, and programs that have their libraries."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from aivis import topics
from aivis.cli.embedded import SERVICES
from benchmarks.hop.relay import FETCH_WAIT_MS
from benchmarks.processes import Use, use
from benchmarks.stacks import broker

_SECONDS = 8.0
_PARTITIONS = 2
"""As many as the embedded stack gives a topic."""
_PROGRAMS = (
    ";".join(f"import services.{name}.main" for name in SERVICES) + ";import aivis.cli.main",
    "import moto.server",
    "import domains.cloud.main",
)


async def bare_consumers(folder: Path) -> float:
    """CPU seconds a second of a broker with one bare consumer and one bare producer for each service."""
    async with broker(folder) as address, AsyncExitStack() as open_:
        brokers = [each for each in psutil.Process().children() if "broker" in each.cmdline()]
        await _topics(address)
        for name in SERVICES:
            await open_.enter_async_context(_clients(address, name))
        await asyncio.sleep(4)  # the groups have joined
        start, before = time.monotonic(), time.process_time() + use(brokers).cpu
        await asyncio.sleep(_SECONDS)
        return (time.process_time() + use(brokers).cpu - before) / (time.monotonic() - start)


async def _topics(address: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.create_topics([NewTopic(topic.name, _PARTITIONS, 1) for topic in topics.TOPICS])
    await admin.close()


@asynccontextmanager
async def _clients(address: str, name: str) -> AsyncIterator[None]:
    producer = AIOKafkaProducer(bootstrap_servers=address, enable_idempotence=False)
    consumer = AIOKafkaConsumer(
        *(topic.name for topic in topics.consumed_by(name)),
        bootstrap_servers=address, group_id=f"bare-{name}", fetch_max_wait_ms=FETCH_WAIT_MS,
        session_timeout_ms=6_000, heartbeat_interval_ms=2_000,
    )  # fmt: skip
    await producer.start()
    await consumer.start()
    fetching = asyncio.create_task(_fetched(consumer))
    try:
        yield
    finally:
        fetching.cancel()
        await asyncio.gather(fetching, return_exceptions=True)
        await consumer.stop()
        await producer.stop()


async def _fetched(consumer: AIOKafkaConsumer) -> None:
    while True:
        await consumer.getmany(timeout_ms=1_000)


async def loaded_libraries() -> Use:
    """Memory of the stack's programs when they have their libraries, and nothing else."""
    started = [await _started(program) for program in _PROGRAMS]
    try:
        for process in started:
            assert process.stdout is not None
            await process.stdout.readline()
        return use([psutil.Process(process.pid) for process in started])
    finally:
        await _ended(started)


async def _started(program: str) -> asyncio.subprocess.Process:
    code = f"{program};print('loaded',flush=True);input()"
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=pipe, stdout=pipe)


async def _ended(processes: Sequence[asyncio.subprocess.Process]) -> None:
    for process in processes:
        process.kill()
        await process.wait()
