"""The life of a tool server: bind, serve, drain. With standard health and reflection."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import grpc.aio
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from aivis.errors import Invalid
from aivis.telemetry import configure_logging
from aivis.toolkit.journal import SqliteJournal
from aivis.toolkit.running import Runner
from aivis.toolkit.server import Tools
from aivis.toolkit.toolset import ToolSet
from aivis.v1 import tools_pb2, tools_pb2_grpc

log = structlog.get_logger()
S = TypeVar("S")
SERVICE = tools_pb2.DESCRIPTOR.services_by_name["Tools"].full_name


@dataclass(frozen=True)
class Serving:
    """How a tool server is run."""

    listen: str
    """HOST:PORT; port 0 takes a free one, which the log's line "serving" tells."""
    journal: Path
    """SQLite file of the keys used; one server process per file."""
    threads: int = 16
    waiting: int = 64
    """Calls that may wait for a thread; one more is refused as busy."""
    keep: timedelta = timedelta(days=30)
    """How long keys are remembered; at least the longest dedupe_window."""
    drain: timedelta = timedelta(seconds=10)
    """How long calls under way may go on after SIGTERM."""
    log_format: str = "json"
    log_level: str = "info"


def run(tools: ToolSet[S], serving: Serving, system: Callable[[str], S] | None = None) -> None:
    """Serve `tools` until SIGTERM or SIGINT; `system` gives what a tenant's tools act on."""
    configure_logging(format=serving.log_format, level=serving.log_level)
    asyncio.run(_until_signal(tools, serving, system or _nothing))


def _nothing(_: str) -> Any:
    return None


async def _until_signal(tools: ToolSet[S], serving: Serving, system: Callable[[str], S]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with served(tools, serving, system):
        await stop.wait()
    log.info("stopped")


@contextlib.asynccontextmanager
async def served(tools: ToolSet[S], serving: Serving, system: Callable[[str], S]) -> AsyncIterator[int]:
    """Serve `tools` while the context lasts, then drain; gives the port. `Invalid` when it cannot listen."""
    _check(tools, serving)
    journal = SqliteJournal(serving.journal, time.time)
    runner = Runner(journal=journal, system=system, threads=serving.threads, waiting=serving.waiting)
    server = grpc.aio.server()
    tools_pb2_grpc.add_ToolsServicer_to_server(Tools(tools, runner), server)
    healthy = await _health(server)
    port = _bound(server, serving.listen)
    await server.start()
    forgetting = asyncio.create_task(_forget(journal, serving.keep))
    log.info("serving", address=f"{serving.listen.rpartition(':')[0]}:{port}", tools=len(tools))
    try:
        yield port
    finally:
        await healthy.enter_graceful_shutdown()
        forgetting.cancel()
        await server.stop(serving.drain.total_seconds())
        await runner.close()
        journal.close()


def _check(tools: ToolSet[S], serving: Serving) -> None:
    longest = max((tool.dedupe_window for tool in tools), default=timedelta(0))
    if serving.keep < longest:
        raise Invalid(f"keys are kept for {serving.keep}, but a tool dedupes for {longest}: keep them longer")


def _bound(server: grpc.aio.Server, listen: str) -> int:
    try:
        return server.add_insecure_port(listen)
    except RuntimeError as error:
        raise Invalid(f"cannot listen on {listen}: {error}; is the port free, and the form HOST:PORT?") from error


async def _health(server: grpc.aio.Server) -> Any:
    """Standard health ("" and the service's name) and reflection."""
    aio: Any = health.aio  # type: ignore[attr-defined]
    servicer = aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    await servicer.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    return servicer


async def _forget(journal: SqliteJournal, keep: timedelta) -> None:
    while True:
        await asyncio.to_thread(journal.forget, keep)
        await asyncio.sleep(3600)
