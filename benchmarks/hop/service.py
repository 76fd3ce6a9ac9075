"""A whole service that answers every event with one of the same size, and decides nothing.

`python -m benchmarks.hop.service FROM TO OTHERS...`, with the settings of a service in the environment. `OTHERS` are
topics to create besides.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

import uvloop

from aivis.bus import Bus
from aivis.errors import Transient
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.stores.opening import open_store
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import OutboxRow, Outgoing, Step
from aivis.service import Service, serve, spare_what_stays
from aivis.settings import ServiceSettings
from aivis.telemetry import configure_logging
from benchmarks.children import answer, commands
from benchmarks.hop.events import SERVICE, answering, asking
from benchmarks.hop.events import answered as answered_with


class BenchSettings(ServiceSettings):
    PART: ClassVar[str] = SERVICE


class Echo:
    """Answers, and keeps a byte of state."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    async def handle(self, turn: Turn) -> Step:
        answers = (Outgoing(self._topic, answered_with(event, turn.now())) for event in turn.events)
        return Step(state=b"answered", publish=tuple(answers))

    def give_up(self, turn: Turn, reason: str) -> Step:
        return Step()

    def interrupts(self, event_type: str) -> bool:
        return False


class CountingBus(Bus):
    """Counts what the broker acknowledged."""

    sent = 0

    async def send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        acknowledged = await super().send(rows)
        self.sent += sum(acknowledged)
        return acknowledged


async def _serve(source: str, target: str, *others: str) -> None:
    settings = BenchSettings.load({**os.environ, "AIVIS_BENCH_PORT": "0"})
    configure_logging(format="text", level=settings.log_level)
    store = open_store(settings.database, SERVICE)
    mailbox, bus = Mailbox(SERVICE, store, Echo(target)), CountingBus(f"{SERVICE}-{source}", settings)
    topics = [asking(name) for name in (source, *others)] + [answering(target)]
    bus.subscribe(topics[:1], mailbox)
    spare_what_stays()  # as every service does
    stop = asyncio.Event()
    running = asyncio.create_task(serve(Service(SERVICE, settings, mailbox, bus, topics=topics), stop))
    await _ready(mailbox, bus)
    async for command in commands():
        answer(cpu=await _done(command["count"], mailbox, bus))
    stop.set()
    await running


async def _ready(mailbox: Mailbox, bus: Bus) -> None:
    for check in (bus.ping, mailbox.store.ping):
        while not await _passes(check):  # noqa: ASYNC110 - a broker that starts rings no bell
            await asyncio.sleep(0.1)


async def _passes(check: Callable[[], Awaitable[None]]) -> bool:
    try:
        await check()
    except Transient:
        return False
    return True


async def _done(count: int, mailbox: Mailbox, bus: CountingBus) -> float:
    """This process's CPU seconds once `count` events were published in all, and nothing is left to do."""
    while bus.sent < count:  # noqa: ASYNC110 - the bus rings no bell
        await asyncio.sleep(0.02)
    while (depths := await mailbox.store.depths()).inbox or depths.outbox:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return time.process_time()


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:]))
