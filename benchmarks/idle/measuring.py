"""Measures `aivis up` with nothing to do, after it has worked on some tickets."""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aivis.cli.client import Client
from aivis.cli.embedded import SERVICES, Run
from benchmarks.figures import Figure
from benchmarks.idle.limits import bare_consumers, loaded_libraries
from benchmarks.processes import family, use
from benchmarks.readiness import ready
from benchmarks.stacks import EMBEDDED

SECONDS = 30.0
_SETTLE = 5.0
_TRAINED_WITHIN = 240.0
MOST_CPU, MOST_MEGABYTES = 12.0, 600.0
_STACK = Path(".aivis")
"""Where `aivis demo` keeps the trained classifier, too: training is not what is measured."""
_TICKETS = (
    "My server i-0123456789abcdef0 times out on port 443 from 203.0.113.7.",
    "Please stop instance i-0123456789abcdef0.",
    "How do I extend a volume?",
    "My printer does not print.",
)
_AIVIS = "from aivis.cli.main import main; main()"
_DONE = {"resolved", "waiting-for-expert", "waiting-for-customer"}


async def measure(folder: Path, *, seconds: float = SECONDS) -> list[Figure]:
    """CPU and memory of the whole embedded stack."""
    bare, libraries = await bare_consumers(folder), await loaded_libraries()
    async with _up() as (pid, run):
        await _worked(run)
        await asyncio.sleep(_SETTLE)
        start, before = time.monotonic(), use(family(pid))
        await asyncio.sleep(seconds)
        after, passed = use(family(pid)), time.monotonic() - start
        count = len(family(pid))
    cpu = Figure(
        name=f"idle CPU of the embedded stack, {seconds:.0f} s",
        stack=EMBEDDED,
        value=(after.cpu - before.cpu) / passed * 100,
        unit="% of a core",
        limit=bare * 100,
        limit_is="the broker with as many bare consumers",
        must=MOST_CPU,
        note=f"{count} processes: all services, broker, cloud, tool server",
    )
    return [cpu, _memory("RSS", after.rss, libraries.rss), _memory("PSS", after.pss, libraries.pss)]


def _memory(kind: str, value: float, limit: float) -> Figure:
    return Figure(
        name=f"memory of the embedded stack, sum of {kind}",
        stack=EMBEDDED,
        value=value,
        unit="MB",
        limit=limit,
        limit_is="the same programs with their libraries loaded",
        must=MOST_MEGABYTES,
        note=f"after {len(_TICKETS)} tickets",
    )


async def _worked(run: Run) -> None:
    """Return once every ticket has come as far as it can."""
    client = Client(run)
    for text in _TICKETS:
        await asyncio.to_thread(client.post, run.gateway, "/v1/tickets", {"customer": "mia", "text": text})
    async with asyncio.timeout(120):
        while not _all_done([case["status"] for case in await asyncio.to_thread(client.cases)]):  # noqa: ASYNC110
            await asyncio.sleep(0.3)


def _all_done(statuses: Sequence[str]) -> bool:
    return len(statuses) == len(_TICKETS) and set(statuses) <= _DONE


@asynccontextmanager
async def _up() -> AsyncIterator[tuple[int, Run]]:
    """`aivis up` while the context lasts: its pid, and where it is."""
    folder = _STACK / f"bench-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from aivis.cli.main import main; main()",
        "up",
        "--folder",
        str(folder),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process.pid, await _ready(folder, process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _ready(folder: Path, process: asyncio.subprocess.Process) -> Run:
    """The run, once every service is ready; the first time ever the planner is trained before."""
    async with asyncio.timeout(60):
        while not (folder / "run.json").exists():
            if process.returncode is not None:
                raise RuntimeError(f"`aivis up` ended with {process.returncode}: see its error above")
            await asyncio.sleep(0.2)
    run = Run.read(folder)
    for name in SERVICES:
        await ready(getattr(run, name), seconds=_TRAINED_WITHIN)
    return run
