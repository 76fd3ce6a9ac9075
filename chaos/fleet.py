"""The servers under test: three Kafka brokers, every topic on each, and PostgreSQL; all reached over wires."""

import asyncio
import os
import pwd
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from aivis.cli.children import Child, Children, free_ports
from aivis.errors import Transient
from chaos.wire import Wire, wired
from deploy.servers import kafka
from deploy.servers.launches import Launch
from deploy.servers.places import Places, locked, places
from deploy.servers.postgres import POSTGRES
from deploy.servers.processes import Command

BROKERS = ("kafka-1", "kafka-2", "kafka-3")
DATABASE = "postgres"
_START_SECONDS = 90
_MEGABYTES = 256
"""Of memory, for each broker."""


@dataclass(frozen=True)
class _Node:
    """A broker that votes; its ports."""

    id: int
    clients: int
    brokers: int
    controllers: int


@dataclass
class Fleet:
    """The servers of a run; rows share them, each with a database and topics of its own."""

    wires: dict[str, Wire]
    folder: Path
    places: Places
    nodes: Sequence[_Node]
    cluster: str
    postgres: Launch
    children: Children
    bases: int = field(default=0, init=False)
    """How many databases were made."""

    @property
    def kafka(self) -> str:
        """Bootstrap servers, over the wires."""
        return ",".join(f"127.0.0.1:{self.wires[name].port}" for name in BROKERS)

    @property
    def _url(self) -> str:
        """PostgreSQL itself, past the wire."""
        return self.postgres.environment["AIVIS_TEST_POSTGRES"]

    @property
    def base(self) -> str:
        """The name of the present row's database."""
        return f"chaos_{self.bases}"

    def said(self, name: str, words: str) -> int:
        """How many lines of the server's log have these words."""
        return sum(words in line for line in (self.children.logs / f"{name}.log").read_text().splitlines())

    async def fresh(self) -> str:
        """Whole wires, no topic, and a new database: its URL, over the wire."""
        for wire in self.wires.values():
            wire.heal()
        await self._drop_topics()
        self.bases += 1
        async with self.past_the_wire() as connection:
            await connection.execute(f"create database {self.base}")
        url = urlsplit(self._url)
        place = f"{url.netloc.rpartition(':')[0]}:{self.wires[DATABASE].port}"
        return url._replace(netloc=place, path=f"/{self.base}").geturl()

    @asynccontextmanager
    async def past_the_wire(self, base: str = "aivis") -> AsyncIterator["asyncpg.Connection"]:
        """A connection to the database `base` that nothing disturbs."""
        connection = await asyncpg.connect(urlsplit(self._url)._replace(path=f"/{base}").geturl())
        try:
            yield connection
        finally:
            await connection.close()

    async def start_broker(self, name: str) -> None:
        """Start the broker `name`; its data is made when there is none."""
        node = self.nodes[BROKERS.index(name)]
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        properties = kafka.properties(folder, node.clients, node.controllers) + self._replicated(node)
        start = await asyncio.to_thread(
            kafka.node, self.places, folder, properties, cluster=self.cluster, megabytes=_MEGABYTES
        )
        await self.children.start(Child(name, start.argv, node.clients, start.environ), seconds=_START_SECONDS)

    async def begin_empty(self) -> None:
        """Kill all brokers, delete what they had, and start them as new."""
        await asyncio.gather(*map(self.kill, BROKERS))
        for name in BROKERS:
            await asyncio.to_thread(shutil.rmtree, self.folder / name / "data")
        await asyncio.gather(*map(self.start_broker, BROKERS))

    async def start_postgres(self) -> None:
        start = self.postgres.command
        port = urlsplit(self._url).port or 0
        await self.children.start(Child(DATABASE, _as_user(start), port, start.environ), seconds=_START_SECONDS)
        await _until(self.postgres.ready, "PostgreSQL")

    async def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        process = self.children.process(name)
        if process.returncode is None:
            process.send_signal(how)
        await process.wait()

    async def until_whole(self) -> None:
        """Wait until every broker has every partition again."""
        until = asyncio.get_running_loop().time() + _START_SECONDS
        while not await self._whole():
            if asyncio.get_running_loop().time() > until:
                raise Transient(f"Kafka's replicas are not in step after {_START_SECONDS} s")
            await asyncio.sleep(0.3)

    async def leader(self, topic: str, partition: int = 0) -> str:
        """The broker that leads the partition now."""
        for described in await self._described(topic):
            for each in described["partitions"]:
                if each["partition"] == partition:
                    return BROKERS[each["leader"] - 1]
        raise Transient(f"nobody leads {topic}[{partition}]")

    async def _whole(self) -> bool:
        try:
            topics = await self._described()
        except (KafkaError, OSError):
            return False
        return all(len(each["isr"]) == len(BROKERS) for topic in topics for each in topic["partitions"])

    async def _described(self, *topics: str) -> list[dict[str, Any]]:
        async with self._admin() as admin:
            described: list[dict[str, Any]] = await admin.describe_topics([*topics] or None)
            return described

    async def _drop_topics(self) -> None:
        async with self._admin() as admin:
            if topics := [name for name in await admin.list_topics() if not name.startswith("__")]:
                await admin.delete_topics(topics)
            while set(topics) & set(await admin.list_topics()):  # noqa: ASYNC110 - brokers ring no bell
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()

    def _replicated(self, node: _Node) -> str:
        """What makes a node one of three; later lines win."""
        listeners = {"PLAINTEXT": node.clients, "BROKERS": node.brokers, "CONTROLLER": node.controllers}
        voters = ",".join(f"{each.id}@127.0.0.1:{each.controllers}" for each in self.nodes)
        wire = self.wires[BROKERS[node.id - 1]].port
        return f"""node.id={node.id}
controller.quorum.voters={voters}
listeners={",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items())}
advertised.listeners=PLAINTEXT://127.0.0.1:{wire},BROKERS://127.0.0.1:{node.brokers}
listener.security.protocol.map={",".join(f"{name}:PLAINTEXT" for name in listeners)}
inter.broker.listener.name=BROKERS
offsets.topic.replication.factor={len(BROKERS)}
default.replication.factor={len(BROKERS)}
min.insync.replicas=2
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


@asynccontextmanager
async def fleet(folder: Path) -> AsyncIterator[Fleet]:
    """All servers while the context lasts; nothing of them is left behind."""
    own = Places(folder, places(os.environ).cache)
    _fetch(own)
    ports = free_ports(1 + 3 * len(BROKERS))
    nodes = [_Node(n + 1, *ports[1 + 3 * n : 4 + 3 * n]) for n in range(len(BROKERS))]
    targets = {DATABASE: ports[0], **{BROKERS[node.id - 1]: node.clients for node in nodes}}
    launch = await asyncio.to_thread(POSTGRES.launch, own, (ports[0],))
    children = Children(folder / "logs")
    async with AsyncExitStack() as stack:
        wires = {name: await stack.enter_async_context(wired(port)) for name, port in targets.items()}
        servers = Fleet(wires, folder, own, nodes, kafka.cluster_id(), launch, children)
        try:
            await asyncio.gather(*(servers.start_broker(name) for name in BROKERS), servers.start_postgres())
            if launch.prepare is not None:
                await asyncio.to_thread(launch.prepare)
            await servers.until_whole()
            yield servers
        finally:
            await children.stop()
            if POSTGRES.forget is not None:
                POSTGRES.forget(own)


def _fetch(own: Places) -> None:
    own.state.mkdir(parents=True, exist_ok=True)
    for server in (kafka.KAFKA, POSTGRES):
        server.check(own)
    with locked(own.cache):
        kafka.KAFKA.fetch(own, print)


def _as_user(command: Command) -> list[str]:
    """PostgreSQL will not run as root; and whoever changes the user is to tie it to us again."""
    if command.user is None:
        return [*command.argv]
    user = pwd.getpwnam(command.user)
    setpriv = shutil.which("setpriv") or "setpriv"
    identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=KILL"]
    return [setpriv, *identity, *command.argv]


async def _until(ready: Callable[[], bool], what: str) -> None:
    until = asyncio.get_running_loop().time() + _START_SECONDS
    while not await asyncio.to_thread(ready):
        if asyncio.get_running_loop().time() > until:
            raise Transient(f"{what} is not ready after {_START_SECONDS} s")
        await asyncio.sleep(0.1)
