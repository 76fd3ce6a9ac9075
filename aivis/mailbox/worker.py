"""The worker: leases keys, lets the service decide, commits. One task a key, hundreds at once."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import monotonic, perf_counter

import structlog

from aivis.errors import AivisError, Conflict, Disposition, Invalid, Refused, Transient, disposition
from aivis.events import registry
from aivis.events.envelope import Event, Head
from aivis.mailbox import encoding, metrics
from aivis.mailbox.committing import GroupCommit
from aivis.mailbox.ports import Store
from aivis.mailbox.publishing import Publisher
from aivis.mailbox.turn import Fenced, Handler, NotYet, Turn
from aivis.mailbox.values import MAX_REASON, Arrival, Deferral, Key, Lease, Message, Receipt, Step, Verdict, Write

log = structlog.get_logger()

_LEASED_AT_ONCE = 250
_PATIENCE_SECONDS = 0.05
_LOOK_SECONDS = 0.05
"""In which another process may have let in more for a key that we were at."""


@dataclass(frozen=True)
class Limits:
    """The mailbox's bounds."""

    in_flight: int = 500
    """Keys worked on at once in one process."""
    backlog: int = 5_000
    """Messages in the inbox at which the consumer pauses."""
    messages: int = 100
    """Messages of a key taken in one turn."""
    lease_seconds: float = 30
    poll_seconds: float = 0.5
    """How often to look for what others left: expired leases, deferred keys, due timers."""
    attempts: int = 5
    """Failures by a fault of ours before messages are buried."""
    backoff_seconds: float = 0.2
    """Before the first try anew; doubles up to half a minute."""
    transient_attempts: int = 40
    """Failures by something that may pass before messages are buried."""
    early_attempts: int = 1_000
    """Turns that an event is kept for the one it builds on; never fewer than `transient_attempts`."""
    drain_seconds: float = 10
    """How long turns under way may last when the service stops."""
    claim_seconds: float = 30
    """How long a publisher that is gone keeps others from its events."""


def utc() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


class Worker:
    """Works through the inbox of one service."""

    def __init__(self, service: str, store: Store, handler: Handler, limits: Limits, publisher: Publisher) -> None:
        self._service = service
        self._store = store
        self._handler = handler
        self._limits = limits
        self._commit = GroupCommit(service, store, publisher)
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._leases: dict[Key, Lease] = {}
        self._letting_go: set[asyncio.Task[None]] = set()
        self._turn_seconds = metrics.TURN_SECONDS.labels(service)
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._followed: set[Key] = set()
        """Keys for which messages came while we were at them."""
        self._looking: asyncio.TimerHandle | None = None
        self._open = False
        """Whether turns may begin."""
        self._behind = True
        """Whether keys may wait in the inbox that nobody works on."""
        self.now: Callable[[], datetime] = utc
        self.stepped: Callable[[Key], None] = lambda _: None
        """Called after every commit, with its key."""

    def wake(self) -> None:
        """There may be something to lease."""
        self._wake.set()

    def interrupt(self, keys: Iterable[Key]) -> None:
        """Cancel turns under way that newer messages made stale; they start anew with all messages."""
        for key in keys:
            task = self._tasks.get(key)
            if task is not None:
                task.cancel()

    async def run(self) -> None:
        """Lease and work until cancelled."""
        self._open = True
        try:
            while True:
                self._wake.clear()
                full = await self._lease()
                if not full:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._limits.poll_seconds):  # wait_for may swallow a cancellation
                            await self._wake.wait()
        finally:
            self._open = False

    @property
    def in_flight(self) -> int:
        """Keys worked on now."""
        return len(self._tasks)

    async def receive(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        """Let `arrivals` into the inbox, and begin at once with what can be: nobody who waits is overtaken."""
        limits = self._limits
        await self._short_wait_for(len(arrivals))
        room = max(0, self._room) if self._open and not self._behind else 0
        taking = self._store.receive(arrivals, room, seconds=limits.lease_seconds, messages=limits.messages)
        receipts, leases = await self._whole(taking)
        new = [arrival for arrival, receipt in zip(arrivals, receipts, strict=True) if receipt is Receipt.NEW]
        followed = [each for each in new if each.key in self._tasks]
        self._followed |= {each.key for each in followed}
        self.interrupt(each.key for each in followed if self._handler.interrupts(_type(each)))
        await self._begin(leases)
        if sum(len(lease.messages) for lease in leases) < len(new):
            self.wake()
        return receipts

    async def _short_wait_for(self, room: int) -> None:
        """Wait a moment for turns under way: most last no longer, and what is leased on receipt is not read again."""
        until = monotonic() + _PATIENCE_SECONDS
        while self._open and (self._behind or self._room < room) and monotonic() < until:
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(until - monotonic()):
                    await self._moved.wait()

    async def _begin(self, leases: Sequence[Lease]) -> None:
        """Start a turn at each; give them back when we have ended meanwhile."""
        if not self._open:
            await self._give_back(leases)
            return
        for lease in leases:
            self._start(lease)

    async def _give_back(self, leases: Sequence[Lease]) -> None:
        if leases:
            back = [Deferral(each.key, each.epoch, 0, "interrupted", counts=False) for each in leases]
            with suppress(Transient):
                await self._store.defer(back)

    async def _lease(self) -> bool:
        """Start what can be started; True when there may be more right away."""
        room = min(self._room, _LEASED_AT_ONCE)
        if room <= 0:
            self._behind = True
            return False
        try:
            _, leases = await self._whole(self._take(room))
        except Transient as error:
            log.warning("cannot lease; trying again", service=self._service, error=str(error))
            await asyncio.sleep(self._limits.poll_seconds)
            return False
        await self._begin(leases)
        self._behind = len(leases) == room
        self._moved.set()
        return self._behind

    @property
    def _room(self) -> int:
        return self._limits.in_flight - self.in_flight

    async def _take(self, room: int) -> tuple[list[Receipt], list[Lease]]:
        limits = self._limits
        return [], await self._store.lease(room, seconds=limits.lease_seconds, messages=limits.messages)

    async def _whole(
        self, taking: Coroutine[object, object, tuple[list[Receipt], list[Lease]]]
    ) -> tuple[list[Receipt], list[Lease]]:
        """What `taking` returns; when cancelled in this moment, give back at once what it leased."""
        task = asyncio.create_task(taking)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            with suppress(Transient):
                _, leases = await task
                await self._give_back(leases)
            raise

    def _start(self, lease: Lease) -> None:
        if (stale := self._tasks.get(lease.key)) is not None:
            stale.cancel()  # its lease ran out before it could be renewed
        task = asyncio.create_task(self._work(lease), name=lease.key.name)
        self._leases[lease.key], self._tasks[lease.key] = lease, task
        task.add_done_callback(partial(self._ended, lease))

    def _ended(self, lease: Lease, task: asyncio.Task[None]) -> None:
        """Forget the turn. Its key may be leased anew already: what its commit wrote shows before its reply comes."""
        if self._tasks.get(lease.key) is task:
            del self._tasks[lease.key], self._leases[lease.key]
        self._moved.set()
        self._look_again(lease)
        if task.cancelled():  # before its first step, so that it could not let the key go itself
            letting_go = asyncio.create_task(self._let_go(lease, delay=0, error="interrupted", counts=False))
            self._letting_go.add(letting_go)
            letting_go.add_done_callback(self._letting_go.discard)
        elif (error := task.exception()) is not None:
            log.error("turn broke off; its lease runs out", service=self._service, case=lease.key.name, exc_info=error)

    def _look_again(self, lease: Lease) -> None:
        """Look for more of what has ended: at once where there may be some, otherwise with the next of them."""
        if self._behind or lease.key in self._followed or len(lease.messages) > 1:
            self._followed.discard(lease.key)
            self.wake()
        elif self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._looking = None
        self.wake()

    async def renew(self) -> None:
        """Keep the leases of all turns under way; cancel those whose lease is lost. Runs until cancelled."""
        while True:
            await asyncio.sleep(self._limits.lease_seconds / 3)
            held = [*self._leases.values()]
            with suppress(Transient):
                lost = await self._store.renew(held, seconds=self._limits.lease_seconds)
                self.interrupt(each.key for each in held if each.key in lost and self._leases.get(each.key) is each)

    async def drain(self, seconds: float) -> None:
        """Let turns under way end, for at most `seconds`; give the leases of the others back."""
        if self._tasks:
            await asyncio.wait([*self._tasks.values()], timeout=seconds)
        for task in [*self._tasks.values()]:
            task.cancel()
        if self._tasks:
            await asyncio.wait([*self._tasks.values()], timeout=5)
        if self._letting_go:
            await asyncio.wait([*self._letting_go], timeout=5)

    async def _work(self, lease: Lease) -> None:
        started = perf_counter()
        try:
            await self._turn(lease)
        except asyncio.CancelledError:
            await self._let_go(lease, delay=0, error="interrupted", counts=False)
        except Fenced:
            log.info("lease lost", service=self._service, case=lease.key.name)
        except Transient as error:  # while giving up: the database is away
            await self._let_go(lease, delay=1, error=repr(error), counts=False)
        finally:
            self._turn_seconds.observe(perf_counter() - started)

    async def _turn(self, lease: Lease) -> None:
        """Decide and commit; on an error once more with the oldest message alone, so that a bad one harms no other."""
        events, messages, dead = self._decode(lease)
        turn = self._new_turn(lease, events)
        try:
            step = await self._handler.handle(turn) if events else Step()
            await self._end(turn, lease, step, messages, dead)
        except Fenced:
            raise
        except Exception as error:  # noqa: BLE001 - the one place where any error becomes retry or dead letter
            await self._failed(lease, turn, messages, error)

    def _new_turn(self, lease: Lease, events: tuple[Event, ...]) -> Turn:
        async def keep(turn: Turn, step: Step) -> None:
            write = encoding.write(turn, lease.epoch, step, service=self._service)
            await self._commit_write(write)
            turn.version += 1
            turn.state = turn.state if step.state is None else step.state
            turn.label = turn.label if step.label is None else step.label

        return Turn(lease.key, lease.state, lease.label, lease.version, lease.attempts, events, self.now, keep)

    def _decode(self, lease: Lease) -> tuple[tuple[Event, ...], list[Message], list[tuple[Message, str]]]:
        """Events of the messages, the messages they came from, and the messages that cannot be read, with reasons."""
        events, readable, unreadable = [], [], []
        for message in lease.messages:
            try:
                events.append(_event(message))
                readable.append(message)
            except Invalid as error:
                unreadable.append((message, str(error)[:MAX_REASON]))
        return tuple(events), readable, unreadable

    async def _end(
        self, turn: Turn, lease: Lease, step: Step, done: list[Message], dead: list[tuple[Message, str]]
    ) -> None:
        ending = encoding.Ending(
            done=tuple([message.seq for message in done]),
            burials=tuple([encoding.burial(message, lease.key, reason) for message, reason in dead]),
        )
        await self._commit_write(encoding.write(turn, lease.epoch, step, service=self._service, ending=ending))
        for message, reason in dead:
            metrics.BURIED.labels(self._service).inc()
            log.error("message buried", service=self._service, case=lease.key.name, id=message.event_id, reason=reason)

    async def _commit_write(self, write: Write) -> None:
        verdict = await self._commit(write)
        if verdict is Verdict.FENCED:
            raise Fenced(f"{self._service}: {write.key.name}: another worker has it")
        if verdict is Verdict.HELD:
            raise Conflict(f"{self._service}: {write.key.name}: another holds one of {', '.join(write.take)}")
        if verdict is Verdict.STOPPED:
            raise Refused(f"{self._service}: {write.key.name}: stopped by one of {', '.join(write.unless)}")
        self.stepped(write.key)

    async def _failed(self, lease: Lease, turn: Turn, messages: list[Message], error: Exception) -> None:
        metrics.FAILURES.labels(self._service, type(error).__name__).inc()
        final = disposition(error) is Disposition.DEAD_LETTER or self._exhausted(lease.attempts + 1, error)
        if final and len(lease.messages) > 1:
            await self._alone(lease)
        elif final:
            await self._bury(lease, turn, messages, error)
        else:
            backoff = min(self._limits.backoff_seconds * 2 ** min(lease.attempts, 10), 30)
            delay = error.seconds if isinstance(error, NotYet) else backoff
            log.log(
                logging.DEBUG if isinstance(error, NotYet) else logging.WARNING,
                "turn failed; trying again",
                service=self._service, case=lease.key.name, seconds=delay, error=repr(error),
                exc_info=not isinstance(error, AivisError),
            )  # fmt: skip
            await self._let_go(lease, delay=delay, error=repr(error), counts=True)

    def _exhausted(self, attempts: int, error: Exception) -> bool:
        if isinstance(error, NotYet):
            return attempts >= max(self._limits.early_attempts, self._limits.transient_attempts)
        return attempts >= (self._limits.transient_attempts if isinstance(error, Transient) else self._limits.attempts)

    async def _alone(self, lease: Lease) -> None:
        """One of several messages is bad: take the oldest by itself; the others follow in turns of their own.

        Not when the lease is gone: a commit whose reply was lost may have ended the turn.
        """
        if await self._store.renew([lease], seconds=self._limits.lease_seconds):
            raise Fenced(f"{self._service}: {lease.key.name}: the lease is gone")
        snapshot = await self._store.read(lease.key)
        if snapshot is None:
            return
        first = Lease(
            lease.key, lease.epoch, snapshot.version, snapshot.state, snapshot.label,
            max(lease.attempts, self._limits.attempts - 1), lease.messages[:1],
        )  # fmt: skip
        await self._turn(first)

    async def _bury(self, lease: Lease, turn: Turn, messages: list[Message], error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"[:MAX_REASON]
        dead = [(message, reason) for message in messages]
        log.error("giving up", service=self._service, case=lease.key.name, reason=reason)
        try:
            await self._end(turn, lease, self._handler.give_up(turn, reason), [], dead)
        except (Fenced, Transient):
            raise
        except Exception:
            log.exception("nobody could be told", service=self._service, case=lease.key.name)
            await self._end(turn, lease, Step(), [], dead)

    async def _let_go(self, lease: Lease, *, delay: float, error: str, counts: bool) -> None:
        with suppress(Transient):
            await self._store.defer([Deferral(lease.key, lease.epoch, delay, error, counts)])


def _event(message: Message) -> Event:
    where = f"{message.topic or 'timer'} {message.event_id}"
    head = message.head or Head.read(message.headers, where=where)
    return registry.with_body(head, message.value, where=where)


def _type(arrival: Arrival) -> str:
    return next((value.decode() for name, value in arrival.headers if name == "ce_type"), "")
