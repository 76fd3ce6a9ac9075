"""The executor at work: wired as in production, with its real store and gRPC, without a bus."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aivis import identity
from aivis.events.actions import ActionRequested, Origin, Purpose
from aivis.events.envelope import Event, Payload, body, headers_of
from aivis.mailbox.values import Arrival, Key
from aivis.service import Service
from services.executor.main import build
from services.executor.settings import ExecutorSettings
from tests.integration.services.working import Shelf

TENANT = "acme"
CASE = identity.derived("case")
POLICY = """
permit (principal, action, resource);
@reason("it is destructive")
forbid (principal, action in Action::"destructive", resource) unless { context.approved };
"""


def asked(tool: str, name: str, *, resource: str = "", size: int = 1, **changes: Any) -> Event:
    """The request for the action `name`; the resource is its own unless given."""
    action = identity.derived("action", name)
    request = ActionRequested(
        action=action,
        subtask="s1",
        agent="diagnostic",
        tool=tool,
        arguments={"id": resource or name, "size": size},
        origins={"id": Origin.TICKET, "size": Origin.MODULE},
        purpose=Purpose.REMEDY,
        customer="c-1",
    ).model_copy(update=changes)
    return said(request, id=action)


def said(data: Payload, *, id: str) -> Event:
    return Event(
        id=id, type=data.TYPE, source="test", tenant=TENANT, case=CASE, time=datetime.now(UTC), data=data,
        traceparent=identity.trace_parent(CASE, "test"),
    )  # fmt: skip


@dataclass
class AtWork:
    """The executor, and what it has published."""

    service: Service
    shelf: Shelf

    async def deliver(self, *events: Event) -> None:
        """Hand events in as the bus would."""
        assert self.service.mailbox is not None
        await self.service.mailbox.receive([_arrival(event) for event in events])

    async def outcome(self, event: Event, *, seconds: float = 20) -> Any:
        """What was told of the requested action first."""
        return (await self.outcomes([event], seconds=seconds))[0]

    async def outcomes(self, events: Sequence[Event], *, seconds: float = 20) -> list[Any]:
        """What was told last of each of the requested actions, when all were told of."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            told: dict[str, Any] = {data.action: data for data in self.told()}
            if all(event.id in told for event in events):
                return [told[event.id] for event in events]
            await asyncio.sleep(0.01)
        raise AssertionError(f"no outcome in {seconds} s; told: {self.told()}")

    def told(self) -> list[Any]:
        """All that was published."""
        return [event.data for _, event in self.shelf.events]


def _arrival(event: Event) -> Arrival:
    action = getattr(event.data, "action", "")
    return Arrival(event.id, Key(event.tenant, action), "", headers_of(event), body(event.data))


def variables(folder: Path, *servers: str, **settings: Any) -> dict[str, str]:
    """The environment of an executor that keeps everything under `folder`."""
    (folder / "policy.cedar").write_text(POLICY)
    own = {f"AIVIS_EXECUTOR_{name.upper()}": str(value) for name, value in settings.items()}
    return {
        "AIVIS_DATABASE": f"sqlite:{folder}",
        "AIVIS_ARTIFACTS": str(folder / "artifacts"),
        "AIVIS_DOMAIN": str(folder),
        "AIVIS_EXECUTOR_TOOL_SERVERS": ",".join(servers),
        **own,
    }


@asynccontextmanager
async def at_work(folder: Path, *servers: str, **settings: Any) -> AsyncIterator[AtWork]:
    """Run the executor's mailbox and background against `servers`."""
    service = build(ExecutorSettings.load(variables(folder, *servers, **settings)))
    assert service.mailbox is not None
    await service.mailbox.store.open()
    shelf = Shelf()
    tasks = [
        asyncio.create_task(service.mailbox.run(shelf)),
        *(asyncio.create_task(job()) for job in service.background),
    ]
    try:
        yield AtWork(service, shelf)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        assert service.close is not None
        await service.close()
        await service.mailbox.store.close()
