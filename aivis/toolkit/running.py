"""Runs tools: effects once per key, functions in a bounded pool of threads."""

import asyncio
import hashlib
import inspect
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, Generic, TypeVar

import orjson
from pydantic import BaseModel

from aivis.errors import Conflict, NotFound, Refused, Transient, Unknown
from aivis.failpoints import around
from aivis.places import SHARE, Places
from aivis.toolkit.attempt import Attempt, encoded
from aivis.toolkit.call import Call
from aivis.toolkit.declaration import Repeat, Tool
from aivis.toolkit.journal import Journal, State, Use
from aivis.toolkit.models import Result

S = TypeVar("S")
T = TypeVar("T")


class Done(Result):
    """The answer of an undo that has nothing to tell."""


@dataclass(frozen=True)
class Asked:
    """What a request says besides the parameters; `seconds` is the time its caller gives it."""

    tenant: str
    key: str
    case_id: str
    seconds: float


@dataclass
class _Running:
    use: Use
    task: asyncio.Task[bytes]
    cancelled: threading.Event
    callers: int = 0


@dataclass
class Runner(Generic[S]):
    """Runs the calls of one server.

    When its last caller has gone a call is told so (`Call.cancelled`); an effect under way is not torn: it ends and
    is recorded. Callers with the same key wait for the same run.
    """

    journal: Journal
    system: Callable[[str], S]
    """What a tenant's tools act on; raises `Refused` for a tenant that has nothing here. Runs in the pool."""
    threads: int
    """Calls that run at once of one tool for one tenant; a third as many are kept for others."""
    waiting: int
    """Calls that may wait for a thread, shared likewise; one more is refused as busy."""
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    _running: dict[tuple[str, str], _Running] = field(default_factory=dict)

    def __post_init__(self) -> None:
        most = ceil(self.threads / SHARE)
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="tool")
        self._running_now = Places(most)
        self._under_way = Places(most + ceil(self.waiting / SHARE))

    async def call(self, tool: Tool[S], arguments: BaseModel, asked: Asked) -> bytes:
        """The result's JSON. `TimeoutError` when the time is up: what happened is not known then."""
        if tool.is_effect:
            use = Use(asked.tenant, asked.key, tool.name, digest(arguments))
            return await self._once(tool, use, asked, (arguments,))
        start = self._calls(asked, Use(asked.tenant, asked.key, tool.name, ""))

        def read(cancelled: threading.Event) -> bytes:
            return encoded(tool, tool.result, self._invoke(tool.function, arguments, start(cancelled)))

        return await self._for_one(tool, read, asked)

    async def undo(self, tool: Tool[S], parameters: tuple[BaseModel, BaseModel], asked: Asked) -> bytes:
        """Put back what the call with `parameters` (its arguments and result) changed."""
        if tool.undo is None:
            raise Refused(f"{tool.name} has no undo; its owner, {tool.owner}, may know another way back")
        use = Use(asked.tenant, asked.key, f"{tool.name}/undo", digest(*parameters))
        undoing = replace(tool, function=tool.undo, repeat=Repeat.DEDUPES, lookup=None)
        return await self._once(undoing, use, asked, parameters)

    async def lookup(self, tool: Tool[S], arguments: BaseModel, asked: Asked) -> tuple[bool, bytes]:
        """Whether the call with this key happened, and its result; `Unknown` when that cannot be told."""
        if not tool.is_effect:
            return False, b""
        if (asked.tenant, asked.key) in self._running:
            raise Unknown(f"{tool.name}: the call is still under way; ask again when it has ended")
        use = Use(asked.tenant, asked.key, tool.name, digest(arguments))
        start = self._calls(asked, use)
        return await self._for_one(
            tool, lambda cancelled: self._looked_up(tool, use, arguments, start, cancelled), asked
        )

    async def close(self) -> None:
        """Tell every call under way to end, and wait until effects are recorded."""
        running = list(self._running.values())
        for each in running:
            each.cancelled.set()
        await asyncio.gather(*(each.task for each in running), return_exceptions=True)
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    async def _once(self, tool: Tool[S], use: Use, asked: Asked, parameters: tuple[BaseModel, ...]) -> bytes:
        at = (use.tenant, use.key)
        running = self._running.get(at)
        if running is None:
            cancelled = threading.Event()
            work = self._in_thread(tool, asked, lambda: self._effect(tool, use, asked, parameters, cancelled))
            running = self._running[at] = _Running(use, asyncio.create_task(work), cancelled)
            running.task.add_done_callback(lambda task: self._ended(at, task))
        if running.use != use:
            raise Conflict(f"key {use.key} is in use for {running.use.tool} with other parameters")
        running.callers += 1
        try:
            return await asyncio.wait_for(asyncio.shield(running.task), asked.seconds)
        finally:
            running.callers -= 1
            if running.callers == 0:
                running.cancelled.set()

    def _ended(self, at: tuple[str, str], task: asyncio.Task[bytes]) -> None:
        self._running.pop(at, None)
        if not task.cancelled():
            task.exception()  # its callers were told; with none left nobody asks, and asyncio would complain

    def _effect(
        self, tool: Tool[S], use: Use, asked: Asked, parameters: tuple[BaseModel, ...], cancelled: threading.Event
    ) -> bytes:
        if cancelled.is_set():
            raise Transient(f"{tool.name}: nobody waits for this call any more; nothing was done")
        attempt = Attempt(tool, use, self.journal, self.now())
        start = self._calls(asked, use, attempt.has_acted)
        kind = tool.result if len(parameters) == 1 else Result

        def act() -> bytes:
            with around("effect.act"):
                given = self._invoke(tool.function, *parameters, start(cancelled))
            return encoded(tool, kind, Done() if given is None and kind is Result else given)

        return attempt.run(act, lambda: self._found(tool, parameters[0], start(cancelled)))

    def _looked_up(
        self, tool: Tool[S], use: Use, arguments: BaseModel, start: "_Start[S]", cancelled: threading.Event
    ) -> tuple[bool, bytes]:
        record = self.journal.find(use.tenant, use.key)
        if record is not None and record.use != use:
            raise Conflict(f"key {use.key} was used for {record.use.tool} with other parameters")
        if record is not None and record.state is State.DONE:
            return True, record.result
        if record is not None and record.state is State.NOTHING:
            return False, b""
        if tool.lookup is None:
            raise Unknown(f"{tool.name}: the journal does not hold what became of key {use.key}")
        found = self._found(tool, arguments, start(cancelled))
        return (False, b"") if found is None else (True, found)

    def _found(self, tool: Tool[S], arguments: BaseModel, call: Call[S]) -> bytes | None:
        assert tool.lookup is not None
        try:
            found = self._invoke(tool.lookup, arguments, call)
        except NotFound as error:
            raise Unknown(f"{tool.name}: cannot be looked up: {error}") from error
        return None if found is None else encoded(tool, tool.result, found)

    def _invoke(self, function: Callable[..., Any], *parameters: Any) -> Any:
        """Call `function`, whose last parameter is the call; a coroutine runs on the server's loop meanwhile."""
        given = function(*parameters)
        if not inspect.iscoroutine(given):
            return given
        call: Call[S] = parameters[-1]
        future = asyncio.run_coroutine_threadsafe(given, self._loop)
        try:
            return future.result(call.remaining())
        except TimeoutError as error:
            future.cancel()
            raise Unknown("time is up; what happened is not known") from error

    def _calls(self, asked: Asked, use: Use, has_acted: threading.Event | None = None) -> "_Start[S]":
        deadline = self.clock() + asked.seconds

        def start(cancelled: threading.Event) -> Call[S]:
            return Call(
                system=self.system(asked.tenant), tenant=asked.tenant, key=asked.key, case_id=asked.case_id,
                deadline=deadline, clock=self.clock, cancelled=cancelled, has_acted=has_acted or threading.Event(),
                remembers=lambda note: self.journal.keep(use, note),
            )  # fmt: skip

        return start

    async def _for_one(self, tool: Tool[S], work: Callable[[threading.Event], T], asked: Asked) -> T:
        cancelled = threading.Event()
        try:
            return await asyncio.wait_for(self._in_thread(tool, asked, lambda: work(cancelled)), asked.seconds)
        finally:
            cancelled.set()

    async def _in_thread(self, tool: Tool[S], asked: Asked, work: Callable[[], T]) -> T:
        """What `work` gives, run in the pool: a tool that hangs for a tenant leaves threads to the others."""
        self._loop = asyncio.get_running_loop()
        who = f"{tool.name} {asked.tenant}"
        if not self._under_way.take(who):
            message = f"all {self.threads} threads for {tool.name} are busy and {self.waiting} calls wait; try again"
            raise Transient(message)
        try:
            await self._running_now.wait_for(who, asked.seconds)
        except BaseException:
            self._under_way.leave(who)
            raise
        future = self._pool.submit(work)
        future.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._left, who))
        return await asyncio.wrap_future(future)

    def _left(self, who: str) -> None:
        """The thread is free: only now, for who gave up waiting for a call does not end it."""
        self._running_now.leave(who)
        self._under_way.leave(who)


_Start = Callable[[threading.Event], Call[S]]


def digest(*parameters: BaseModel) -> str:
    """SHA-256 of the parameters' canonical JSON."""
    values = [parameter.model_dump(mode="json") for parameter in parameters]
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()
