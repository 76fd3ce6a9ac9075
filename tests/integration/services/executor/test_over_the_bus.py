"""The executor as its own process on a real broker: an action, an approval, the stop switch, and SIGKILL."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from aivis import identity, topics
from aivis.events.actions import (
    ActionFailed,
    ActionFinished,
    ActionUnsettled,
    ApprovalGranted,
    ApprovalRequested,
    FailureKind,
)
from aivis.events.envelope import Event
from tests.integration.services.broker import SETTINGS, consumed, free_port, publish_events, running_broker
from tests.integration.services.executor.at_work import TENANT, asked, said, variables
from tests.integration.services.executor.bench import Bench, serving

ROOT = Path(__file__).parents[4]


@pytest.fixture
def kafka() -> Iterator[str]:
    with running_broker() as address:
        yield address


class Process:
    """The executor as a process of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._port = free_port()
        self._environment = {**os.environ, **environment, "AIVIS_EXECUTOR_PORT": str(self._port)}
        self._process: asyncio.subprocess.Process | None = None
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._port}")

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.executor", env=self._environment, cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 30
        while not await self._ready():
            assert self._process.returncode is None, f"the executor ended with {self._process.returncode}"
            assert time.monotonic() < until, "the executor is not ready in 30 s"
            await asyncio.sleep(0.1)

    async def _ready(self) -> bool:
        try:
            return (await self.http.get("/ready")).status_code == 200
        except httpx.HTTPError:
            return False

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            await asyncio.wait_for(self._process.wait(), 20)


@asynccontextmanager
async def process(folder: Path, kafka: str, tools: str) -> AsyncIterator[Process]:
    broker = {f"AIVIS_{name.upper()}": str(value) for name, value in SETTINGS.items()}
    executor = Process({**variables(folder, tools), **broker, "AIVIS_KAFKA": kafka})
    try:
        await executor.start()
        yield executor
    finally:
        await executor.kill()
        await executor.http.aclose()


async def results(kafka: str, count: int, *, seconds: float = 20) -> dict[str, Any]:
    """What was told last of each action, once `count` results are there."""
    found = await consumed(kafka, topics.RESULTS.name, count=count, seconds=seconds)
    assert all(event.tenant == TENANT and event.causation for event in found)
    return {event.data.action: event.data for event in found}  # type: ignore[attr-defined]


async def test_an_action_an_approval_and_a_stop_go_over_the_bus(kafka: str, tmp_path: Path) -> None:
    bench = Bench()
    bench.gate.set()
    read, effect = asked("bench.read", "read"), asked("bench.destructive", "effect")
    async with serving(bench) as tools, process(tmp_path, kafka, tools) as executor:
        await publish_events(kafka, topics.ACTIONS.name, read, effect)
        told = await results(kafka, 2)
        assert isinstance(told[read.id], ActionFinished)
        approval = told[effect.id]
        assert isinstance(approval, ApprovalRequested)
        assert (approval.reason, approval.arguments) == ("it is destructive", {"id": "effect", "size": 1})
        assert bench.effects == {}

        await publish_events(kafka, topics.APPROVALS.name, granted(effect, approval.digest))
        told = await results(kafka, 3)
        assert isinstance(told[effect.id], ActionFinished)
        assert bench.effects == {effect.id: 1}

        entry = (await executor.http.get(f"/v1/actions/{effect.id}", params={"tenant": TENANT})).json()
        assert (entry["state"], entry["approval"]["expert"]) == ("DONE", "eva")
        assert (await executor.http.post("/v1/stops", json={"tool": "bench.dedupes"})).status_code == 201
        stopped = asked("bench.dedupes", "stopped")
        await publish_events(kafka, topics.ACTIONS.name, stopped)
        failed = (await results(kafka, 4))[stopped.id]
        assert isinstance(failed, ActionFailed)
        assert failed.kind is FailureKind.FORBIDDEN
        assert stopped.id not in bench.effects
        await executor.kill(signal.SIGTERM)


def granted(effect: Event, digest: str) -> Event:
    word = ApprovalGranted(
        action=effect.id, digest=digest, expert="eva", expires_at=datetime.now(UTC) + timedelta(hours=1)
    )
    return said(word, id=identity.derived("grant", effect.id))


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_after_a_kill_around_the_call_every_effect_happens_as_often_as_its_tool_promises(
    kafka: str, tmp_path: Path
) -> None:
    """Calls that have acted and calls that have not when the executor is killed between INTENT and the result."""
    bench = Bench()
    effects = {
        (tool, when): asked(f"bench.{tool}", f"{tool}-{when}", resource=f"held-{when}-{tool}")
        for tool in ("dedupes", "lookup", "neither")
        for when in ("before", "after")
    }
    async with serving(bench) as tools, process(tmp_path, kafka, tools) as executor:
        await publish_events(kafka, topics.ACTIONS.name, *effects.values())
        await _until(lambda: len(bench.calls) == 6 and len(bench.effects) == 3)
        await executor.kill()
        # The kill fell between INTENT and the result: calls were under way, and nothing was told.
        assert not bench.gate.is_set()
        await _until(lambda: not any(bench.inside[f"bench.{tool} held-before-{tool}"] for tool, _ in effects))
        acted_before = dict(bench.effects)
        assert set(acted_before) == {effects[tool, "after"].id for tool in ("dedupes", "lookup", "neither")}
        bench.gate.set()
        await executor.start()
        told = await results(kafka, 6, seconds=100)
    for tool in ("dedupes", "lookup"):
        for when in ("before", "after"):
            assert isinstance(told[effects[tool, when].id], ActionFinished), (tool, when)
            assert bench.effects[effects[tool, when].id] == 1, (tool, when)
    assert bench.calls[effects["dedupes", "after"].id] == 2
    assert bench.calls[effects["lookup", "after"].id] == 1
    for when in ("before", "after"):
        assert isinstance(told[effects["neither", when].id], ActionUnsettled)
        assert bench.calls[effects["neither", when].id] == 1
    assert bench.effects[effects["neither", "before"].id] == 0
    assert bench.effects[effects["neither", "after"].id] == 1


async def _until(holds: Any, *, seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, f"not in {seconds} s"
        await asyncio.sleep(0.02)
