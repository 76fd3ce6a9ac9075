"""A service at work without a bus: its real store, mailbox and HTTP application; what it publishes is kept."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette

from aivis.events import registry
from aivis.events.envelope import Event, headers_of
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.values import Arrival, Key, OutboxRow
from aivis.service import Service


@dataclass
class Shelf:
    """Where published events end up; the fake behind the port `Producer`."""

    events: list[tuple[str, Event]] = field(default_factory=list)

    async def send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        self.events += [(row.topic, registry.decode(row.headers, row.value, where=row.topic)) for row in rows]
        return [True] * len(rows)

    def on(self, topic: str) -> list[Event]:
        return [event for name, event in self.events if name == topic]


@dataclass
class Working:
    """A service at work."""

    mailbox: Mailbox
    http: httpx.AsyncClient
    shelf: Shelf

    async def deliver(self, *events: Event, topic: str = "") -> None:
        """Hand events in as the bus would, and wait until they are done."""
        arrivals = [
            Arrival(event.id, Key(event.tenant, event.case), topic, headers_of(event), _body(event)) for event in events
        ]
        await self.mailbox.receive(arrivals)
        await self.quiet()

    async def quiet(self) -> None:
        """Return when nothing waits in the inbox or the outbox."""

        async def empty() -> bool:
            depths = await self.mailbox.store.depths()
            return depths.inbox == 0 and depths.outbox == 0

        while not await empty():
            await _soon()

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await _soon()


async def _soon() -> None:
    await asyncio.sleep(0.005)


def _body(event: Event) -> bytes:
    return event.data.model_dump_json().encode()


@contextlib.asynccontextmanager
async def working(service: Service, key: str = "") -> AsyncIterator[Working]:
    """Run the service's mailbox and its application; `key` is the client's API key."""
    assert service.mailbox is not None
    shelf = Shelf()
    await service.mailbox.store.open()
    jobs = [service.mailbox.run(shelf), *(job() for job in service.background)]
    tasks = [asyncio.create_task(job) for job in jobs]
    transport = httpx.ASGITransport(Starlette(routes=list(service.routes)), raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as http:
            yield Working(service.mailbox, http, shelf)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await service.mailbox.store.close()
        if service.close is not None:
            await service.close()
        assert not [result for result in results if isinstance(result, Exception)]
