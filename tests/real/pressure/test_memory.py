"""Fifty thousand messages wait on a topic, and the worker stands still: the consumer pauses, memory stays bounded."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.integration.aivis.echo import ANSWERS, REQUESTS
from tests.integration.aivis.traffic import producing, requests, send
from tests.integration.services.broker import free_port
from tests.real.databases import KINDS, database

KAFKA = os.environ.get("AIVIS_TEST_KAFKA", "")
pytestmark = [
    pytest.mark.skipif(not KAFKA, reason="AIVIS_TEST_KAFKA names no server: `make test-real`"),
    pytest.mark.timeout(300),
]
BACKLOG, WAITING = 5_000, 50_000
_FETCHED = 1_000
"""Two batches may be on their way in when the bound is reached."""
_GROWTH = 64 * 2**20
"""Bytes: what is leased, and what the consumer fetched and does not hand on."""


@asynccontextmanager
async def standing(base: str, folder: Path, suffix: str) -> AsyncIterator[tuple[int, httpx.AsyncClient]]:
    """A whole service whose every turn lasts an hour; its process id, and a client of it."""
    port = free_port()
    own = {
        "AIVIS_KAFKA": KAFKA,
        "AIVIS_DATABASE": base,
        "AIVIS_TEST_PORT": str(port),
        "AIVIS_TEST_SUFFIX": suffix,
        "AIVIS_TEST_BACKLOG": str(BACKLOG),
        "AIVIS_TEST_DAWDLE_MS": "3600000",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIVIS_")}
    command = [sys.executable, "-m", "tests.integration.aivis.echo"]
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*command, env={**kept, **own}, stdout=log, stderr=log)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            yield process.pid, http
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
async def suffix() -> AsyncIterator[str]:
    made = f".{uuid4().hex[:8]}"
    yield made
    admin = AIOKafkaAdminClient(bootstrap_servers=KAFKA)
    await admin.start()
    await admin.delete_topics([topic.name + made for topic in (REQUESTS, ANSWERS)])
    await admin.close()


def resident(pid: int) -> int:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(100):
        while not await holds():
            await _soon()


async def _soon() -> None:
    await asyncio.sleep(0.1)


async def depth(http: httpx.AsyncClient) -> float:
    lines = (await http.get("/metrics")).text.splitlines()
    return sum(float(x.split()[1]) for x in lines if x.startswith("aivis_mailbox_inbox_depth{"))


async def full(http: httpx.AsyncClient) -> bool:
    return await depth(http) >= BACKLOG


async def ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/ready")).is_success
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("kind", KINDS)
async def test_memory_and_inbox_stay_bounded_while_fifty_thousand_messages_wait_for_a_worker_that_stands_still(
    kind: str, tmp_path: Path, suffix: str
) -> None:
    async with database(kind, tmp_path) as base, standing(base, tmp_path, suffix) as (pid, http):
        await until(lambda: ready(http))
        before = resident(pid)
        async with producing(KAFKA) as producer:
            for start in range(0, 10, 2):
                await send(producer, requests(keys=WAITING // 10, each=2, start=start), suffix=suffix)
        await until(lambda: full(http))
        deepest = most = 0.0
        for _ in range(40):
            deepest, most = max(deepest, await depth(http)), max(most, resident(pid))
            await asyncio.sleep(0.2)

    assert BACKLOG <= deepest <= BACKLOG + _FETCHED
    assert most - before < _GROWTH, f"{before / 2**20:.0f} MiB became {most / 2**20:.0f}"
