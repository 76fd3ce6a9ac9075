"""`aivis up`: run all services in one process, or the named ones."""

import asyncio
import ctypes
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from aivis.cli.embedded import SERVICES, Run, build, environment, plan, stack
from aivis.cli.shell import DEFAULT_FOLDER, Folder, command, console
from aivis.service import serve, spare_what_stays
from aivis.telemetry import configure_logging

_M_ARENA_MAX = -8
"""In malloc.h."""

Services = Annotated[
    list[str] | None, typer.Argument(help=f"Any of {', '.join(SERVICES)}; none means the whole stack.")
]


@command
def up(
    services: Services = None,
    folder: Folder = DEFAULT_FOLDER,
    tenant: Annotated[str, typer.Option(help="The tenant of the embedded stack.")] = "acme",
    domain: Annotated[Path, typer.Option(help="The domain's folder.")] = Path("domains/cloud"),
    practice: Annotated[
        bool, typer.Option("--practice", help="Fill the cloud with faults, and write their tickets to a file.")
    ] = False,
) -> None:
    """Run the whole embedded stack; or, with names, those services alone on the servers that AIVIS_... name."""
    if services:
        configure_logging(format=os.environ.get("AIVIS_LOG_FORMAT", "json"), level="info")
        uvloop.run(_named(services))
    else:
        configure_logging(format="text", level="warning")
        _keep_one_heap()
        uvloop.run(_whole(folder.resolve(), tenant, domain.resolve(), practice=practice))


def _keep_one_heap() -> None:
    """Let all threads share one heap: glibc gives each its own, and what is freed there stays with it (30 MB here)."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if set_option is not None:
        set_option(_M_ARENA_MAX, 1)


async def _named(services: list[str]) -> None:
    stop = stop_on_signal()
    built = [build(name, os.environ) for name in services]
    spare_what_stays()
    await asyncio.gather(*(serve(service, stop) for service in built))


async def _whole(folder: Path, tenant: str, domain: Path, *, practice: bool) -> None:
    stop = stop_on_signal()
    run, ports = plan(tenant, os.getpid())
    async with stack(run, environment(run, ports, folder, domain), folder / "logs") as running:
        spare_what_stays()
        tickets = folder / "tickets.jsonl"
        if practice:
            prepare = importlib.import_module(f"domains.{domain.name}.demo.practice").prepare
            await asyncio.to_thread(prepare, run, tickets)
        with run.written(folder):
            _announce(run, folder, tickets if practice else None)
            await running.until(stop)


def stop_on_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _announce(run: Run, folder: Path, tickets: Path | None) -> None:
    console.print(f"[bold]Aivis is up[/] for tenant {run.tenant}; its state is in {folder}. Ctrl-C ends it.")
    for name in ("gateway", "escalation", "reasoner", "executor", "retriever"):
        console.print(f"  {name:<11} {getattr(run, name)}")
    console.print(f"  {'cloud':<11} {run.cloud}  (EC2 API)")
    console.print(f"Experts sign in at {run.escalation}/ with the expert_key in {folder / 'run.json'}.", soft_wrap=True)
    if tickets is None:
        console.print("The cloud is empty: a ticket about a machine finds none. `aivis up --practice` fills it.")
    submitted = "FILE" if tickets is None else _shown(tickets)
    console.print(
        f"Next: aivis submit {submitted}, aivis cases, aivis case ID --follow, aivis watch, aivis escalations",
        soft_wrap=True,
    )


def _shown(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
