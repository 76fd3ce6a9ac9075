"""Old and new replicas of every service side by side on Kafka and PostgreSQL; then the old go, in the middle of cases.

Kafka is one of the test's own, and so is the database: other stacks on the servers would take part.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from aivis.cli.children import Child, Children
from aivis.cli.client import Client
from aivis.cli.embedded import SERVICES, Run, cloud, plan
from deploy.servers.kafka import KAFKA
from deploy.servers.lifecycle import down, up
from deploy.servers.places import Places, places
from deploy.servers.records import running
from tests.integration.chaos.chaos import Stack
from tests.integration.chaos.versions import PLANTED, Version, end, take_the_place, two_versions
from tests.real.databases import own_database

POSTGRES = os.environ.get("AIVIS_TEST_POSTGRES", "")
WEAVIATE = os.environ.get("AIVIS_TEST_WEAVIATE", "")
pytestmark = pytest.mark.skipif(
    not (POSTGRES and WEAVIATE), reason="AIVIS_TEST_POSTGRES and _WEAVIATE are not both set: make test-real"
)
BEFORE = ("T-101", "T-103", "T-105")
MEANWHILE = ("T-107", "T-108", "T-110", "T-111", "T-113", "T-119", "T-120", "T-128", "T-129", "T-130")
LAST = ("T-102", "T-104", "T-106", "T-131", "T-112", "T-115")
DECIDING = ("gateway", "planner", "reasoner", "executor", "escalation")
"""Services that have messages in these cases; the retriever only answers."""


@contextmanager
def own_kafka(folder: Path) -> Iterator[str]:
    """The address of a Kafka that ends with the context."""
    where = Places(folder, places(os.environ).cache)
    up(where, [KAFKA], [KAFKA])
    try:
        record = running(where, KAFKA.name)
        assert record is not None
        yield record.environment["AIVIS_TEST_KAFKA"]
    finally:
        down(where, [KAFKA], [KAFKA])


@dataclass(frozen=True)
class Side:
    """The replicas of one version, and where they are."""

    name: str
    run: Run
    programs: Mapping[str, Child]

    def services(self) -> list[Child]:
        """Under names that the other side's do not have."""
        services = (name for name in self.programs if name != "tools")
        return [replace(self.programs[name], name=self.replica(name)) for name in services]

    def replica(self, service: str) -> str:
        """What the process of `service` is called here."""
        return f"{service} {self.name}"

    def steps(self) -> dict[str, float]:
        """How many steps each service committed here."""
        found = {}
        for name in DECIDING:
            lines = httpx.get(getattr(self.run, name) + "/metrics", timeout=5).text.splitlines()
            found[name] = sum(float(line.split()[-1]) for line in lines if line.startswith(_COMMITTED))
        return found


_COMMITTED = "aivis_mailbox_steps_total{"


def side(version: Version, shared: Run, folder: Path, servers: Mapping[str, str]) -> Side:
    """A side on the same cloud, tools and keys as `shared`."""
    own, ports = plan(shared.tenant, 0)
    kept = {name: getattr(shared, name) for name in ("kafka", "cloud", "tools", "customer_key", "expert_key")}
    run = replace(own, **kept)
    return Side(version.name, run, version.programs(run, ports, folder, servers))


@asynccontextmanager
async def sides(folder: Path, children: Children, forth: bool) -> AsyncIterator[tuple[Stack, Side, Side]]:
    """The first side runs; the second is ready to be started."""
    with two_versions(folder) as versions, own_kafka(folder / "servers") as kafka:
        async with own_database() as database:
            servers = {
                "AIVIS_KAFKA": kafka,
                "AIVIS_KAFKA_PARTITIONS": "0",
                "AIVIS_DATABASE": database,
                "AIVIS_RETRIEVER_WEAVIATE": WEAVIATE,
            }
            shared = replace(plan(f"upgrade-{uuid4().hex[:8]}", 0)[0], kafka=kafka)
            both = [side(version, shared, folder / "stack", servers) for version in versions]
            first, second = both if forth else reversed(both)
            try:
                await children.start_all([cloud(shared), first.programs["tools"], *first.services()])
                yield Stack(first.run, Client(first.run), first.programs, children), first, second
            finally:
                await children.stop()
            await _every_service_had_the_later_migration(database)


async def _every_service_had_the_later_migration(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        for name in SERVICES:
            had = [
                (row[0], row[1]) for row in await connection.fetch(f"select store, name from aivis_{name}.migrations")
            ]
            planted = [store for store, one in had if PLANTED in one]
            assert sorted(planted) == sorted({store for store, _ in had}), (name, had)
    finally:
        await connection.close()


async def _both_decide(stack: Stack, first: Side, second: Side) -> None:
    """Until every service has committed steps on both sides since now."""
    begin, until = first.steps(), time.monotonic() + 90
    while True:
        there, beside = first.steps(), second.steps()
        if all(there[name] > begin[name] and beside[name] > 0 for name in DECIDING):
            return
        assert time.monotonic() < until, f"not both work: {begin} became {there}, beside {beside}\n{stack.told()}"
        await asyncio.sleep(0.3)


async def _hand_in(stack: Stack, tickets: Sequence[str]) -> None:
    await stack.hand_in([ticket for ticket in stack.staged if ticket.ticket in tickets])


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("forth", [True, False], ids=["upgrade", "rollback"])
async def test_two_versions_work_side_by_side_and_either_goes_on_alone(tmp_path: Path, forth: bool) -> None:
    async with sides(tmp_path, Children(tmp_path / "logs"), forth) as (stack, first, second):
        names = [name for name in first.programs if name not in ("tools", "retriever")]
        random.Random(4).shuffle(names)
        await asyncio.gather(stack.set_up([*BEFORE, *MEANWHILE, *LAST]), stack.until_ready([*names, "retriever"]))
        await _hand_in(stack, BEFORE)
        await stack.until_something_moves()
        await stack.children.start_all(second.services())
        stack.run, stack.client = second.run, Client(second.run)
        await stack.until_ready([name for name in second.programs if name != "tools"])
        await _hand_in(stack, MEANWHILE)
        await _both_decide(stack, first, second)
        ends, last = {}, list(LAST)
        for name in [*names, "retriever"]:
            await _hand_in(stack, [last.pop()])
            assert await stack.open() > 0, "nothing is under way"
            ends[name] = await end(stack, first.replica(name))
        ends["tools"] = (await take_the_place(stack, second.programs["tools"])).status
        await stack.until_ended(seconds=120)
        assert ends == dict.fromkeys([*names, "retriever", "tools"], 0), "drained, not died"
        await asyncio.sleep(3)  # whatever would come twice has had its time
        stack.check()
