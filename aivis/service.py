"""The life of a service: start, ready, work, drain."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
import structlog
import uvicorn
import uvloop
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from aivis import dead_letters
from aivis.bus import Bus
from aivis.errors import AivisError, Transient, http_status
from aivis.mailbox.mailbox import Mailbox
from aivis.problems import Problem
from aivis.recalling import Recall
from aivis.settings import ServiceSettings
from aivis.telemetry import configure_logging
from aivis.topics import Topic
from aivis.web import problem_response

log = structlog.get_logger()

Check = Callable[[], Awaitable[None]]
"""Raises an `AivisError` that says what is wrong, or returns."""


@dataclass
class Service:
    """One service, wired: what `main.py` builds and `serve` runs."""

    name: str
    settings: ServiceSettings
    mailbox: Mailbox | None = None
    bus: Bus | None = None
    topics: Sequence[Topic] = ()
    """What it reads and writes, created when missing."""
    routes: Sequence[BaseRoute] = ()
    grpc_server: Callable[[], Coroutine[Any, Any, grpc.aio.Server]] | None = None
    """Builds and binds the gRPC server; it is started and stopped here."""
    checks: Mapping[str, Check] = field(default_factory=dict)
    """Further dependencies, by name."""
    optional: Mapping[str, Check] = field(default_factory=dict)
    """What it can do without: `/ready` says what is wrong with it, and that the service is ready."""
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()
    close: Callable[[], Awaitable[None]] | None = None
    recall: Recall | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.mailbox is not None and self.bus is not None:
            self.recall = Recall(self.mailbox, self.bus, self.settings)

    def all_checks(self) -> dict[str, Check]:
        found = dict(self.checks)
        if self.mailbox is not None:
            found["database"] = self.mailbox.store.ping
        if self.bus is not None:
            found["kafka"] = self.bus.ping
        if self.recall is not None and self.recall.reading:
            found["past"] = self.recall.check
        return found


def run(service: Service) -> None:
    """Run one service in this process until SIGTERM or SIGINT."""
    configure_logging(format=service.settings.log_format, level=service.settings.log_level)
    spare_what_stays()
    uvloop.run(_until_signal(service))


def spare_what_stays() -> None:
    """Take what is loaded by now out of the garbage collector's rounds, and let it go round less often.

    It found nothing there, and took a fifth of a busy service's CPU time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


async def _until_signal(service: Service) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(service, stop)


async def serve(service: Service, stop: asyncio.Event) -> None:
    """Run `service` until `stop` is set, then drain: first no more input, then what is under way, then connections."""
    http = _Http(service)
    async with contextlib.AsyncExitStack() as stack:
        await http.start()
        stack.push_async_callback(http.stop)
        if service.close is not None:
            stack.push_async_callback(service.close)
        if service.mailbox is not None:
            stack.push_async_callback(service.mailbox.store.close)
        if service.bus is not None:
            stack.push_async_callback(service.bus.stop)
        if service.mailbox is not None and not await _done_before(stop, _answered(service, service.mailbox.store.open)):
            return
        if service.recall is not None and not await _done_before(stop, _answered(service, service.recall)):
            return
        if service.grpc_server is not None:
            server = await service.grpc_server()
            await server.start()
            stack.push_async_callback(server.stop, 5)
        stack.push_async_callback(http.stop)  # before the database goes
        await _work(service, stop)
    log.info("stopped", service=service.name)


async def _work(service: Service, stop: asyncio.Event) -> None:
    """Run the mailbox and the background jobs until `stop`, or until one of them fails; a job may end before.

    What is in the inbox is worked on whether the bus answers or not.
    """
    tasks = [asyncio.create_task(job()) for job in service.background]
    if service.mailbox is not None and service.bus is not None:
        tasks.append(asyncio.create_task(service.mailbox.run(service.bus)))
    connected = [] if service.bus is None else [asyncio.create_task(_connected(service, service.bus))]
    log.info("started", service=service.name, port=service.settings.port)
    stopping = asyncio.create_task(stop.wait())
    try:
        await _first_failure(stopping, [*tasks, *connected])
        await _cancelled(connected)
        if service.bus is not None:
            await service.bus.stop_consuming()
    finally:
        stopping.cancel()
        results = [*await _cancelled(tasks), *await _cancelled(connected)]
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _first_failure(stopping: asyncio.Task[Any], tasks: Sequence[asyncio.Task[None]]) -> None:
    waiting = {stopping, *tasks}
    while not stopping.done() and not any(task.done() and task.exception() for task in tasks):
        _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)


async def _cancelled(tasks: Sequence["asyncio.Task[None]"]) -> list[BaseException | None]:
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def _connected(service: Service, bus: Bus) -> None:
    await _answered(service, lambda: bus.start(service.topics))
    log.info("connected to the bus", service=service.name)


async def _answered(service: Service, call: Callable[[], Awaitable[None]]) -> None:
    """Do `call`; while nobody answers, say so, and try again."""
    delay = 0.2
    while True:
        try:
            return await call()
        except Transient as error:
            log.warning("not ready; trying again", service=service.name, error=str(error), seconds=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5)


async def _done_before(stop: asyncio.Event, job: Coroutine[Any, Any, None]) -> bool:
    """Whether `job` ended before `stop` was set; it is cancelled otherwise."""
    task, stopping = asyncio.create_task(job), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=5)
    if task.cancelled() or not task.done():
        return False
    task.result()
    return True


class _Server(uvicorn.Server):
    """uvicorn leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Http:
    """The HTTP side: health, readiness, metrics, and the service's routes."""

    def __init__(self, service: Service) -> None:
        self._service = service
        app = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/ready", self._ready),
                Route("/metrics", self._metrics),
                *_letters_of(service),
                *service.routes,
            ],
            exception_handlers={AivisError: problem},
        )
        settings = service.settings
        config = uvicorn.Config(
            app, host=settings.host, port=settings.port, log_config=None, access_log=False, lifespan="off",
            timeout_graceful_shutdown=3,
        )  # fmt: skip
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve())
        while not self._server.started:
            if self._task.done():
                await self._task
                raise Transient(f"{self._service.name}: cannot listen on port {self._service.settings.port}")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task

    async def _health(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self, _: Request) -> Response:
        checks = self._service.all_checks()
        asked = {**self._service.optional, **checks}
        answers = await asyncio.gather(*(_answer(check) for check in asked.values()))
        found = dict(zip(asked, answers, strict=True))
        ready = all(found[name] == "ok" for name in checks)
        return JSONResponse({"ready": ready, **found}, status_code=200 if ready else 503)

    async def _metrics(self, _: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _letters_of(service: Service) -> Sequence[BaseRoute]:
    return [] if service.mailbox is None else dead_letters.routes(service.mailbox, service.settings.operator_token)


async def _answer(check: Check) -> str:
    try:
        async with asyncio.timeout(3):
            await check()
    except AivisError as error:
        return str(error)
    except TimeoutError:
        return "no answer in 3 s"
    return "ok"


async def problem(_: Request, error: Exception) -> Response:
    """An error of ours as an HTTP answer (RFC 9457)."""
    assert isinstance(error, AivisError)
    if isinstance(error, Problem):
        return problem_response(error)
    status = http_status(error)
    body = {"title": type(error).__name__, "status": status.value, "detail": str(error)}
    return JSONResponse(body, status_code=status.value, media_type="application/problem+json")
