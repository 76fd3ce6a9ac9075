"""Every ordered pair of crashes, in one process: the executor dies at one failpoint, and its successor at the next.

The store is real, and so are the ledger, the rack and gRPC between them; the bus is a list that outlives any crash.
"""

import asyncio
import hashlib
import itertools
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aivis import failpoints, identity
from aivis.events import registry
from aivis.events.actions import ActionFailed, ActionFinished, ActionRequested, ActionUnsettled, Origin, Purpose
from aivis.events.envelope import Event, body, headers_of
from aivis.mailbox.values import Arrival, Key, OutboxRow
from aivis.service import Service
from chaos.rack import lamps
from chaos.rack.lamps import MENDS, Log
from chaos.stack import DOMAIN, TENANTS
from services.executor.main import build
from services.executor.settings import ExecutorSettings

_SECONDS = 15
_TOLD = (ActionFinished, ActionFailed, ActionUnsettled)
_LOOK_SECONDS = 0.01
_IN_DOUBT = ("tools.lookup.before", "tools.lookup.after")
"""Reached only after a crash."""
_UNREACHED = ("store.retry", "store.publish_again", "store.quarantine", "store.defer", "store.unclaim", "store.renew",
              "store.hold", "store.unhold", "store.fire_timers", "store.claim", "store.open",
              "ledger.")  # fmt: skip
"""Points of the executor that no schedule here gets to; around INTENT the points of its commit say the same."""


@dataclass
class Bus:
    """What was requested and not acknowledged, and what was published: both outlive a crash."""

    pending: list[Event]
    told: dict[str, Event] = field(default_factory=dict)
    """What was published last about each action."""

    async def send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        with failpoints.around("bus.send"):
            events = [registry.decode(row.headers, row.value, where=row.topic) for row in rows]
            self.told |= {event.data.action: event for event in events if isinstance(event.data, _TOLD)}
        return [True] * len(rows)

    async def deliver(self, service: Service) -> None:
        """As the consumer does: into the inbox, then the offsets."""
        assert service.mailbox is not None
        if self.pending:
            await service.mailbox.take_in([_arrival(event) for event in self.pending], [])
            with failpoints.around("bus.commit"):
                self.pending = []


def points(reached: Sequence[str]) -> list[str]:
    """The points among `reached` at which to crash."""
    return sorted({*_IN_DOUBT, *(point for point in reached if not point.startswith(_UNREACHED))})


def pairs(reached: Sequence[str], *, seed: int, most: int | None = None) -> Iterator[tuple[str, str]]:
    """All ordered pairs, in an order from the seed; at most so many."""
    found = list(itertools.product(points(reached), points(reached)))
    random.Random(seed).shuffle(found)
    yield from found[:most]


async def play(folder: Path, server: str, log: Log, crashes: Sequence[str]) -> list[str]:
    """Crash at each of `crashes` in turn, then let it end; what is wrong in the end.

    `server` is the rack's address, `log` its log; the folder's name is the schedule's.
    """
    requests = {_lamp(folder.name, fault): _request(folder.name, fault) for fault in MENDS}
    bus = Bus([*requests.values()])
    try:
        for crash in crashes:
            failpoints.arm(crash, "crash")
            await _life(folder, server, bus)
            failpoints.clear()
        await _life(folder, server, bus)
    finally:
        failpoints.clear()
    return [fault for lamp, event in requests.items() for fault in _wrong(lamp, bus.told.get(event.id), log)]


async def _life(folder: Path, server: str, bus: Bus) -> None:
    """The executor from its start to its end: all told, or dead."""
    service = build(ExecutorSettings.load(_variables(folder, server)))
    assert service.mailbox is not None
    tasks: list[asyncio.Task[None]] = []
    try:
        await service.mailbox.store.open()
        jobs = [service.mailbox.run(bus), *(job() for job in service.background)]
        tasks += [asyncio.ensure_future(job) for job in jobs]
        await bus.deliver(service)
        async with asyncio.timeout(_SECONDS):
            while not failpoints.dead() and len(bus.told) < len(MENDS):  # noqa: ASYNC110 - a crash rings no bell
                await asyncio.sleep(_LOOK_SECONDS)
    except failpoints.Crashed:
        pass
    finally:
        await _bury(service, tasks)


async def _bury(service: Service, tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Without a last word: who is cancelled and would still wait for something is cancelled again."""
    waiting = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=_LOOK_SECONDS)
    for task in tasks:
        task.cancelled() or task.exception()
    assert service.mailbox is not None
    assert service.close is not None
    with suppress(failpoints.Crashed):
        await service.close()
    await service.mailbox.store.close()


def _wrong(lamp: str, told: Event | None, log: Log) -> list[str]:
    fault, _ = lamps.parts(lamp)
    done = [act for act in log.acts if act.lamp == lamp]
    if told is None:
        return [f"{lamp}: nothing was told of it"]
    if len(done) > 1:
        return [f"{lamp}: mended {len(done)} times"]
    if isinstance(told.data, ActionUnsettled):
        return [] if fault == "blown" else [f"{lamp}: left to people, and a machine could tell: {told.data.message}"]
    return [] if done else [f"{lamp}: told as {told.type}, and dark"]


def _lamp(schedule: str, fault: str) -> str:
    return f"lamp-{fault}-{int(hashlib.sha256(schedule.encode()).hexdigest()[:12], 16)}"


def _request(schedule: str, fault: str) -> Event:
    action = identity.derived("pairs", schedule, fault)
    request = ActionRequested(
        action=action,
        subtask="s1",
        agent="diagnostic",
        tool=MENDS[fault],
        arguments={"lamp": _lamp(schedule, fault)},
        origins={"lamp": Origin.TICKET},
        purpose=Purpose.REMEDY,
        customer="mia",
    )
    case = identity.derived("pairs", schedule)
    return Event(
        id=action, type=request.TYPE, source="pairs", tenant=TENANTS[0], case=case, time=datetime.now(UTC),
        data=request, traceparent=identity.trace_parent(case, action),
    )  # fmt: skip


def _arrival(event: Event) -> Arrival:
    assert isinstance(event.data, ActionRequested)
    key = Key(event.tenant, event.data.action)
    return Arrival(event.id, key, "aivis.actions", headers_of(event), body(event.data))


def _variables(folder: Path, server: str) -> dict[str, str]:
    return {
        "AIVIS_DATABASE": f"sqlite:{folder}",
        "AIVIS_ARTIFACTS": str(folder / "artifacts"),
        "AIVIS_DOMAIN": str(DOMAIN),
        "AIVIS_EXECUTOR_TOOL_SERVERS": server,
    }
