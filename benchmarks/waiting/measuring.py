"""Measures the memory of a reasoner with a thousand cases in flight."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from aivis.cli.children import free_ports
from benchmarks.children import child
from benchmarks.figures import Figure
from benchmarks.processes import MEGABYTE, slope
from benchmarks.readiness import ready
from benchmarks.stacks import Stack, from_now_on
from benchmarks.waiting.world import world

CASES = 1_000
SECONDS = 64.0
"""How long memory is watched: the reasoner asks again for what is missing after 15 seconds and after 45."""
_SETTLE, _EVERY = 5.0, 2.0
MOST_MEGABYTES, MOST_GROWTH = 300, 3.0
"""Growth in megabytes a minute: one in a hundred of what it may have counts as none."""
_DESK = Path(__file__).parents[1] / "cases" / "desk"


async def measure(stack: Stack, *, cases: int = CASES, seconds: float = SECONDS) -> list[Figure]:
    """Memory with `cases` in flight, and its growth over `seconds`. `RuntimeError` when a case is lost on the way."""
    async with _reasoner(stack) as process, world(stack, f"{stack.name}-{os.getpid()}") as around:
        empty = process.memory_info().rss / MEGABYTE
        await around.open(cases)
        await _until(lambda: len(around.actions) == cases, "every case to wait for its tool")
        await asyncio.sleep(_SETTLE)
        seen = await _watched(process, seconds)
        await around.answer_all()
        await _until(lambda: around.ended >= set(around.actions), "every case to end")
    memory = Figure(
        name=f"memory of a reasoner, {cases:,} cases in flight",
        stack=stack.name,
        value=max(megabytes for _, megabytes in seen),
        unit="MB",
        limit=empty,
        limit_is="the same process without a case",
        must=MOST_MEGABYTES,
        note="most resident memory seen; all of the cases ended when the tool answered",
    )
    growth = Figure(
        name=f"its growth a minute, {seconds:.0f} s",
        stack=stack.name,
        value=slope([(at / 60, megabytes) for at, megabytes in seen]),
        unit="MB",
        must=MOST_GROWTH,
        note="the line that fits best",
    )
    return [memory, growth]


async def _watched(process: psutil.Process, seconds: float) -> list[tuple[float, float]]:
    """Pairs of seconds and resident megabytes."""
    start, seen = time.monotonic(), []
    while (at := time.monotonic() - start) < seconds:
        seen.append((at, process.memory_info().rss / MEGABYTE))
        await asyncio.sleep(_EVERY)
    return seen


async def _until(holds: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(90):
            while not holds():  # noqa: ASYNC110 - it is another process's doing
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise RuntimeError(f"waited 90 s for {what}") from error


@asynccontextmanager
async def _reasoner(stack: Stack) -> AsyncIterator[psutil.Process]:
    """`python -m services.reasoner`, ready."""
    [port] = free_ports(1)
    await from_now_on(stack, ["reasoner"])
    environment = {**stack.environment, "AIVIS_DOMAIN": str(_DESK), "AIVIS_REASONER_PORT": str(port)}
    async with child("services.reasoner", environment=environment, listens=False) as process:
        await ready(f"http://127.0.0.1:{port}")
        yield psutil.Process(process.pid)
