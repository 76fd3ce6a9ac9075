"""`aivis demo`: the main job, live, with a verdict."""

import asyncio
import importlib
import os
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Annotated

import typer
import uvloop

from aivis.cli.client import Client
from aivis.cli.embedded import Run, Running, environment, plan, stack
from aivis.cli.real import on_real_servers, processes
from aivis.cli.shell import command, console
from aivis.cli.up import stop_on_signal
from aivis.telemetry import configure_logging


@command
def demo(
    domain: Annotated[Path, typer.Option(help="The domain's folder.")] = Path("domains/cloud"),
    pictures: Annotated[
        Path | None, typer.Option(help="Write the board and a timeline as SVG into this folder.")
    ] = None,
    real: Annotated[
        bool, typer.Option("--real", help="On the servers of `make servers`, a process a service.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's folder, logs and all.")] = False,
) -> None:
    """Play the domain's demo on a stack of its own; exit status 1 when an expectation is missed."""
    folder = Path(f".aivis/demo-{os.getpid()}").resolve()
    folder.mkdir(parents=True)
    log = (folder / "services.log").open("w", encoding="utf-8")
    configure_logging(format="json", level="info", file=log)
    try:
        met = uvloop.run(_play(folder, domain.resolve(), pictures, real=real))
    finally:
        log.close()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if not met:
        raise typer.Exit(1)


async def _play(folder: Path, domain: Path, pictures: Path | None, *, real: bool) -> bool:
    stop, halt = stop_on_signal(), threading.Event()
    async with _stage(folder, domain, real=real) as (run, running):
        performance = importlib.import_module(f"domains.{domain.name}.demo.play").Play
        play = asyncio.create_task(asyncio.to_thread(performance(Client(run), console, halt, pictures)))
        waiting = asyncio.create_task(running.until(stop))
        try:
            await asyncio.wait([play, waiting], return_when=asyncio.FIRST_COMPLETED)
            if not play.done():
                halt.set()
                await waiting
                raise KeyboardInterrupt
            return bool(await play)
        finally:
            halt.set()
            waiting.cancel()


@asynccontextmanager
async def _stage(folder: Path, domain: Path, *, real: bool) -> AsyncIterator[tuple[Run, Running]]:
    """A stack for the demo. On servers that outlive it, a tenant of its own keeps it apart from earlier ones."""
    if not real:
        run, ports = plan("acme", os.getpid())
        async with stack(run, environment(run, ports, folder, domain), folder / "logs") as running:
            yield run, running
        return
    run, ports = plan(f"demo-{token_hex(4)}", os.getpid())
    run = replace(run, kafka=os.environ.get("AIVIS_TEST_KAFKA", run.kafka))
    variables = on_real_servers(environment(run, ports, folder, domain))
    async with processes(run, ports, variables, folder / "logs") as running:
        yield run, running
