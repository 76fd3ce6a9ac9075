"""Requests to the echo service over a real broker, and its answers."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from aivis import identity
from aivis.events import registry
from aivis.events.envelope import Event, Record, encode
from aivis.events.plans import PlanMade, PlanRequested
from aivis.mailbox.ports import Store
from aivis.service import Service, serve
from tests.integration.aivis.echo import ANSWERS, REQUESTS, EchoSettings, build
from tests.integration.services.broker import SETTINGS, free_port

TIME = datetime(2026, 3, 2, tzinfo=UTC)


def request(place: int, key: str, *, reasked: bool = False, tenant: str = "acme") -> Event:
    data = PlanRequested(request=str(place), text="It times out.", customer="mia")
    id = identity.derived("request", key, place)
    return Event(
        id=id, type=data.TYPE, source="reasoner", tenant=tenant, case=key, time=TIME, data=data, reasked=reasked
    )


def requests(keys: int, each: int, *, start: int = 0, reasked: bool = False) -> list[Event]:
    """Requests `start` and on of every key, the keys' requests mingled."""
    return [request(place, f"k{key}", reasked=reasked) for place in range(start, start + each) for key in range(keys)]


@contextlib.asynccontextmanager
async def producing(address: str, **more: Any) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=address, enable_idempotence=False, linger_ms=5, **more)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def send(producer: AIOKafkaProducer, events: Sequence[Event], *, suffix: str = "") -> None:
    await send_records(producer, [encode(event, REQUESTS.name + suffix) for event in events])


async def send_records(producer: AIOKafkaProducer, records: Sequence[Record]) -> None:
    sent = [await producer.send(r.topic, r.value, key=r.key, headers=list(r.headers)) for r in records]
    await asyncio.gather(*sent)


@dataclass
class Answers:
    """Every answer that came over the bus, repetitions included."""

    came: list[Event] = field(default_factory=list)

    @property
    def requests(self) -> set[str]:
        return {event.causation or "" for event in self.came}

    def check(self, keys: int, each: int) -> None:
        """Every request was answered, in order; and what came again said the same."""
        said: dict[str, set[tuple[str, str]]] = defaultdict(set)
        first: dict[str, dict[str, int]] = defaultdict(dict)
        for event in self.came:
            assert isinstance(event.data, PlanMade)
            said[event.id].add((event.data.request, event.data.plan.reason))
            first[event.case].setdefault(event.data.request, int(event.data.plan.reason))
        assert all(len(contents) == 1 for contents in said.values()), "an answer was given twice, and not the same"
        assert len(first) == keys
        for key, places in first.items():
            wanted = [(request(place, key).id, place + 1) for place in range(each)]
            assert list(places.items()) == wanted, f"{key}: {places}"


@contextlib.asynccontextmanager
async def listening(address: str, *, suffix: str = "") -> AsyncIterator[Answers]:
    """Collects all answers while the context lasts."""
    consumer = AIOKafkaConsumer(
        ANSWERS.name + suffix, bootstrap_servers=address, auto_offset_reset="earliest", fetch_max_wait_ms=50
    )
    await consumer.start()
    answers = Answers()

    async def listen() -> None:
        async for record in consumer:
            answers.came.append(registry.decode(tuple(record.headers), record.value, where="answer"))

    task = asyncio.create_task(listen())
    try:
        yield answers
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await consumer.stop()


@dataclass
class Running:
    """The echo service at work in this process."""

    service: Service
    store: Store
    url: str
    stop: asyncio.Event
    task: "asyncio.Task[None]"

    async def ready(self) -> httpx.Response:
        async with httpx.AsyncClient() as http:
            return await http.get(self.url + "/ready", timeout=10)


@contextlib.asynccontextmanager
async def starting(address: str, folder: Path, **more: Any) -> AsyncIterator[Running]:
    """The service, as soon as it is started; drained at the end."""
    own = {"kafka": address, "database": f"sqlite:{folder}", "port": free_port(), **SETTINGS, **more}
    settings = EchoSettings.model_validate(own)
    service, stop = build(settings), asyncio.Event()
    assert service.mailbox is not None
    task = asyncio.create_task(serve(service, stop))
    try:
        yield Running(service, service.mailbox.store, f"http://127.0.0.1:{settings.port}", stop, task)
    finally:
        stop.set()
        await task


@contextlib.asynccontextmanager
async def echoing(address: str, folder: Path, **more: Any) -> AsyncIterator[Running]:
    """The service, once it is ready."""
    async with starting(address, folder, **more) as running:
        await answered(running)
        yield running


class Child:
    """The echo service as its own process, to be killed or told to stop."""

    def __init__(self, address: str, folder: Path, **more: Any) -> None:
        self._folder = folder
        own = {"kafka": address, "database": f"sqlite:{folder}", "port": free_port(), **SETTINGS, **more}
        variables = {EchoSettings.variable(name): str(value).lower() for name, value in own.items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIVIS_")}
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.aivis.echo"],
                cwd=Path(__file__).parents[3], env={**kept, **variables}, stdout=log, stderr=log,
            )  # fmt: skip

    def signal(self, number: signal.Signals) -> None:
        assert self._process.poll() is None, (self._folder / "log").read_text()[-3_000:]
        self._process.send_signal(number)

    async def ended(self, *, seconds: float = 20) -> int:
        """Its exit status."""
        return await asyncio.to_thread(self._process.wait, seconds)

    def clear(self) -> None:
        self._process.kill()
        self._process.wait(timeout=10)


@contextlib.contextmanager
def child(address: str, folder: Path, **more: Any) -> Iterator[Child]:
    found = Child(address, folder, **more)
    try:
        yield found
    finally:
        found.clear()


async def answered(running: Running, *, status: int = 200, seconds: float = 20) -> httpx.Response:
    """The answer of /ready when it has `status`; an assertion when that is not in time."""
    async with asyncio.timeout(seconds):
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = await running.ready()
                if answer.status_code == status:
                    return answer
            await asyncio.sleep(0.05)


async def until(holds: Callable[[], bool], *, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for is another process's doing
            await asyncio.sleep(0.02)
