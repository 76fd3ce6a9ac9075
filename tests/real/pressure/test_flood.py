"""A flood over HTTP against a real gateway: it turns away what it cannot bear, loses nothing, and others go on."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from aivis.access import Grant, Role, fingerprint
from tests.integration.services.broker import consumed, running_broker
from tests.integration.services.processes import Process, process
from tests.real.databases import KINDS, database
from tests.real.pressure.upstream import ACCEPTED, SHED, Heard, client, flooded, hand_in, paced

SOURCES = {"desk": "acme", "help": "globex"}
CLIENTS, SECONDS = 300, 8
BACKLOG, PLACES = 2_000, 16
pytestmark = pytest.mark.timeout(300)
_PACE = 0.05
"""Seconds between two tickets of the tenant that floods nobody."""
_SCHEDULER = 0.1
"""Seconds: the flood and the gateway share the processor."""


def variables(broker: str, base: str, folder: Path) -> dict[str, str]:
    grants = [
        Grant(name=name, role=Role.UPSTREAM, tenants=(tenant,), source=name, sha256=fingerprint(f"{tenant}-key"))
        for name, tenant in SOURCES.items()
    ]
    return {
        "AIVIS_KAFKA": broker,
        "AIVIS_KAFKA_IDEMPOTENT": "false",
        "AIVIS_KAFKA_PARTITIONS": "3",
        "AIVIS_DATABASE": base,
        "AIVIS_ARTIFACTS": f"{folder}/artifacts",
        "AIVIS_GATEWAY_WAITING": str(BACKLOG),
        "AIVIS_GATEWAY_REQUESTS": str(PLACES),
        "AIVIS_GATEWAY_KEYS": orjson.dumps([grant.model_dump(mode="json") for grant in grants]).decode(),
    }


@asynccontextmanager
async def gateway(kind: str, folder: Path) -> AsyncIterator[tuple[Process, str]]:
    """A gateway, and its broker's address."""
    async with database(kind, folder) as base:
        with running_broker() as broker, process("gateway", variables(broker, base, folder), folder / "log") as at:
            at.wait_for("/ready")
            yield at, broker


@dataclass(frozen=True)
class Reading:
    """What the gateway's metrics say."""

    depth: float
    """Of the inbox."""
    accepted: dict[str, float]
    """Submissions by source."""
    seconds: dict[str, float]
    """That they took until they were durable, in all."""


async def read(http: httpx.AsyncClient) -> Reading:
    samples = [
        sample
        for family in text_string_to_metric_families((await http.get("/metrics")).text)
        for sample in family.samples
    ]

    def by_source(name: str) -> dict[str, float]:
        return {each.labels["source"]: each.value for each in samples if each.name == name}

    depth = sum(each.value for each in samples if each.name == "aivis_mailbox_inbox_depth")
    took = "aivis_gateway_accept_seconds"
    return Reading(depth, by_source(f"{took}_count"), by_source(f"{took}_sum"))


def mean(before: Reading, after: Reading, source: str) -> float:
    """Seconds that a submission of `source` took between the two, in the gateway."""
    count = after.accepted[source] - before.accepted.get(source, 0)
    return (after.seconds[source] - before.seconds.get(source, 0)) / count


async def deepest(http: httpx.AsyncClient, seconds: float) -> float:
    """The most messages that waited in the inbox within that time."""
    most, until = 0.0, time.monotonic() + seconds
    while time.monotonic() < until:
        most = max(most, (await read(http)).depth)
        await asyncio.sleep(0.2)
    return most


@pytest.mark.parametrize("kind", KINDS)
async def test_a_flood_is_turned_away_in_time_loses_nothing_and_leaves_another_tenant_its_pace(
    kind: str, tmp_path: Path
) -> None:
    async with gateway(kind, tmp_path) as (at, broker), httpx.AsyncClient(base_url=at.url, timeout=30) as http:
        await paced(at.url, "globex-key", "warm", 20, _PACE)
        start = await read(http)
        alone = await paced(at.url, "globex-key", "alone", 100, _PACE)
        before = await read(http)
        flood, beside, depth = await asyncio.gather(
            flooded(at.url, "acme-key", CLIENTS, SECONDS), _beside(at.url), deepest(http, SECONDS)
        )
        after = await read(http)
        again = Heard()
        async with client(at.url, "acme-key") as upstream:
            await hand_in(upstream, "after", again)
        accepted = {*flood.cases, *alone.cases, *beside.cases, *again.cases}
        await consumed(broker, "aivis.tickets", until=lambda found: accepted <= {e.case for e in found}, seconds=60)

    assert set(flood.statuses) == {str(ACCEPTED), str(SHED)}
    assert flood.unsaid == 0
    assert all("Send the same again after" in detail for detail in flood.details)
    assert depth <= BACKLOG + PLACES
    # By Little's law: no more are on their way than there are places, however many come.
    assert mean(before, after, "desk") < 1.5 * PLACES / (len(flood.cases) / SECONDS)
    assert set(beside.statuses) == {str(ACCEPTED)}
    assert mean(before, after, "help") < 2 * mean(start, before, "help") + _SCHEDULER
    assert again.statuses == {str(ACCEPTED): 1}


async def _beside(url: str) -> Heard:
    await asyncio.sleep(1.5)
    return await paced(url, "globex-key", "beside", int((SECONDS - 2) / _PACE), _PACE)
