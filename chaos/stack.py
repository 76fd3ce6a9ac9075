"""The stack under test: every service a process of its own, the rack as its tool, two tenants; made to be broken."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_urlsafe

import orjson

from aivis.access import fingerprint
from aivis.cli.children import Child, Children, free_ports
from aivis.cli.client import Client
from aivis.cli.embedded import SERVICES, Run, broker, environment, plan
from aivis.cli.real import service_process
from aivis.errors import Invalid, Transient
from aivis.failpoints import LOG, VARIABLE
from chaos.fleet import BROKERS, Fleet

TENANTS = ("alpha", "beta")
TOOLS = "tools"
"""The rack's tool server, among the processes."""
DOMAIN = Path(__file__).parent / "rack"
_READY_SECONDS = 60
_SOON = {
    "AIVIS_KAFKA_SESSION_MS": "2000",
    "AIVIS_REASONER_REMIND_SECONDS": "2",
    "AIVIS_GATEWAY_ASK_AGAIN_SECONDS": "2",
    "AIVIS_EXECUTOR_RETRY_SECONDS": "60",
    "AIVIS_EXECUTOR_SETTLE_SECONDS": "60",
}
"""Asking again is a matter of seconds here, so that what is lost is missed soon."""


@dataclass(frozen=True)
class Death:
    """A process that was killed, or killed itself at a failpoint."""

    name: str
    status: int
    """Exit status: minus the signal's number."""
    point: str = ""


@dataclass
class Stack:
    """All processes of a run, and the keys of each tenant."""

    runs: Mapping[str, Run]
    folder: Path
    programs: Mapping[str, Child]
    children: Children
    deaths: list[Death] = field(default_factory=list)
    fleet: Fleet | None = None
    """The servers it runs on; the embedded stack has none."""

    @property
    def servers(self) -> Fleet:
        """The servers it runs on, where a row is played on servers alone."""
        if self.fleet is None:
            raise Invalid("the embedded stack has no servers that can be broken one by one")
        return self.fleet

    @property
    def run(self) -> Run:
        """What all tenants share."""
        return self.runs[TENANTS[0]]

    @property
    def acts(self) -> Path:
        """The rack's log."""
        return self.folder / "acts.jsonl"

    def client(self, tenant: str) -> Client:
        return Client(self.runs[tenant])

    def base(self, service: str) -> str:
        """The HTTP address of `service`."""
        return str(getattr(self.run, service))

    def landed(self) -> list[str]:
        """The failpoints at which something happened, as SERVICE:POINT."""
        logs = sorted((self.folder / "landed").glob("*"))
        return [f"{log.name}:{line.split()[2]}" for log in logs for line in log.read_text().splitlines()]

    async def until_ready(self, names: Sequence[str] = SERVICES) -> None:
        client, until = self.client(TENANTS[0]), time.monotonic() + _READY_SECONDS
        for name in names:
            while not (answer := await asyncio.to_thread(client.ready, self.base(name)))["ready"]:
                if time.monotonic() > until:
                    raise TimeoutError(f"{name} is not ready: {answer}\n{self.log_of(name)}")
                await asyncio.sleep(0.1)

    def process(self, name: str) -> asyncio.subprocess.Process:
        return self.children.process(name)

    async def start(self, name: str, *, failpoints: str = "", variables: Mapping[str, str] | None = None) -> None:
        """Start `name` with the same settings but for `variables`, and with `failpoints` armed."""
        program = self.programs[name]
        (self.folder / "landed").mkdir(exist_ok=True)
        armed = {VARIABLE: failpoints, LOG: str(self.folder / "landed" / name)} if failpoints else {}
        environment = {**program.environment, **(variables or {}), **armed}
        try:
            await self.children.start(replace(program, environment=environment), seconds=60)
        except Transient:
            if not failpoints or self.process(name).returncode is None:  # who died of what is armed has started
                raise

    async def start_another(self, name: str) -> str:
        """Start a second process of the service `name`, on the same database and in the same group; its name."""
        program, [port] = self.programs[name], free_ports(1)
        environment = {**program.environment, f"AIVIS_{name}_PORT".upper(): str(port), VARIABLE: "", LOG: ""}
        other = replace(program, name=f"{name}-2", port=port, environment=environment)
        await self.children.start(other, seconds=60)
        return other.name

    async def kill(self, name: str) -> None:
        """SIGKILL; who is dead already is dead."""
        process = self.process(name)
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        self.deaths.append(Death(name, await process.wait()))

    def log_of(self, name: str) -> str:
        """The end of the log of `name`."""
        path = self.children.logs / f"{name}.log"
        return f"--- {name}\n{path.read_text(encoding='utf-8', errors='replace')[-1500:]}" if path.exists() else ""


Opening = Callable[[Path], AbstractAsyncContextManager[Stack]]
"""Starts a stack of one kind, with its state in the folder."""


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Stack]:
    """The stack on Tansu and SQLite, on loopback, every service ready."""
    run, ports = plan(TENANTS[0], 0)
    async with _running(folder, run, environment(run, ports, folder, DOMAIN), ports, [broker(run)]) as stack:
        yield stack


@asynccontextmanager
async def on_servers(servers: Fleet, folder: Path) -> AsyncIterator[Stack]:
    """The stack on three Kafka brokers and PostgreSQL, every service ready."""
    database = await servers.fresh()
    run, ports = plan(TENANTS[0], 0)
    run = replace(run, kafka=servers.kafka)
    variables = {
        **environment(run, ports, folder, DOMAIN),
        "AIVIS_KAFKA_REPLICATION": str(len(BROKERS)),
        "AIVIS_DATABASE": database,
    }
    async with _running(folder, run, variables, ports, []) as stack:
        stack.fleet = servers
        yield stack


@asynccontextmanager
async def _running(
    folder: Path, run: Run, variables: Mapping[str, str], ports: Mapping[str, int], servers: Sequence[Child]
) -> AsyncIterator[Stack]:
    runs = {tenant: replace(run, tenant=tenant, customer_key=token_urlsafe(24)) for tenant in TENANTS}
    variables = {**variables, **_SOON, **_accesses(runs)}
    variables = {name: value for name, value in variables.items() if not name.startswith("AIVIS_CLOUD_")}
    children = Children(folder / "logs")
    programs = [*servers, rack(run, folder), *(service_process(name, ports, variables) for name in SERVICES)]
    try:
        await children.start_all(programs)
        stack = Stack(runs, folder, {program.name: program for program in programs}, children)
        await stack.until_ready()
        yield stack
    finally:
        await children.stop()


def rack(run: Run, folder: Path) -> Child:
    """The rack's tool server."""
    argv = [sys.executable, "-m", "chaos.rack", run.tools, str(folder / "acts.jsonl")]
    return Child(TOOLS, argv, int(run.tools.rpartition(":")[2]), {})


def source(tenant: str) -> str:
    """The upstream source of `tenant`."""
    return f"{tenant}-desk"


def _accesses(runs: Mapping[str, Run]) -> dict[str, str]:
    customers = [
        {"name": tenant, "role": "upstream", "tenants": [tenant], "source": source(tenant),
         "sha256": fingerprint(run.customer_key)}
        for tenant, run in runs.items()
    ]  # fmt: skip
    any_run = next(iter(runs.values()))
    expert = {"name": any_run.expert, "role": "expert", "tenants": list(runs),
              "sha256": fingerprint(any_run.expert_key)}  # fmt: skip
    return {
        "AIVIS_GATEWAY_SOURCES": orjson.dumps({source(tenant): tenant for tenant in runs}).decode(),
        "AIVIS_GATEWAY_KEYS": orjson.dumps(customers).decode(),
        "AIVIS_ESCALATION_KEYS": orjson.dumps([expert]).decode(),
    }
