"""Gateway, planner, reasoner and executor in one process, and a tool server beside them, with the desk as domain.

`python -m benchmarks.cases.stack JOURNAL`, with the services' settings in the environment.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

import uvloop
from prometheus_client import REGISTRY

from aivis.cli.embedded import build
from aivis.errors import Transient
from aivis.service import Service, serve, spare_what_stays
from aivis.telemetry import configure_logging
from aivis.toolkit import Serving, served
from benchmarks.cases.desk_tools import tools
from benchmarks.children import answer, commands

SERVICES = ("gateway", "planner", "reasoner", "executor")


async def _run(journal: Path) -> None:
    configure_logging(format="text", level="error")
    serving = Serving(listen="127.0.0.1:0", journal=journal, log_level="error")
    stop = asyncio.Event()
    async with served(tools, serving, lambda _: None) as port:
        variables = {**os.environ, "AIVIS_EXECUTOR_TOOL_SERVERS": f"127.0.0.1:{port}"}
        services = [build(name, variables) for name in SERVICES]
        spare_what_stays()
        running = [asyncio.create_task(serve(service, stop)) for service in services]
        await _ready(services)
        async for _ in commands():
            steps, published = _total("aivis_mailbox_steps_total"), _total("aivis_mailbox_published_total")
            answer(cpu=time.process_time(), steps=steps, published=published)
        stop.set()
        await asyncio.gather(*running)


async def _ready(services: list[Service]) -> None:
    """Return once everything that the services need answers."""
    checks = [check for service in services for check in service.all_checks().values()]
    while checks:
        try:
            await checks[-1]()
            checks.pop()
        except Transient:
            await asyncio.sleep(0.1)


def _total(name: str) -> float:
    samples = (sample for metric in REGISTRY.collect() for sample in metric.samples)
    return sum(sample.value for sample in samples if sample.name == name)


if __name__ == "__main__":
    uvloop.run(_run(Path(sys.argv[1])))
