"""The worker: leases keys, lets the service decide, commits. One task a key, hundreds at once."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from aivis.errors import AivisError, Conflict, Disposition, Invalid, Refused, Transient, disposition
from aivis.events import registry
from aivis.events.envelope import Event
from aivis.mailbox import encoding, metrics
from aivis.mailbox.committing import GroupCommit
from aivis.mailbox.ports import Store
from aivis.mailbox.turn import Fenced, Handler, NotYet, Turn
from aivis.mailbox.values import Deferral, Key, Lease, Message, Step, Verdict, Write

log = structlog.get_logger()


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
    transient_attempts: int = 40
    """Failures by something that may pass before messages are buried."""


class Worker:
    """Works through the inbox of one service."""

    def __init__(
        self, service: str, store: Store, handler: Handler, limits: Limits, *, now: Callable[[], datetime]
    ) -> None:
        self._service = service
        self._store = store
        self._handler = handler
        self._limits = limits
        self._now = now
        self._commit = GroupCommit(store)
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._leases: dict[Key, Lease] = {}
        self._wake = asyncio.Event()
        self.committed: Callable[[], None] = lambda: None
        """Called after a commit that left something to publish."""
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
        while True:
            self._wake.clear()
            full = await self._lease()
            if not full:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._limits.poll_seconds)

    async def _lease(self) -> bool:
        """Start what can be started; True when there may be more right away."""
        room = min(self._limits.in_flight - len(self._tasks), 250)
        if room <= 0:
            return False
        try:
            leases = await self._store.lease(room, seconds=self._limits.lease_seconds, messages=self._limits.messages)
        except Transient as error:
            log.warning("cannot lease; trying again", service=self._service, error=str(error))
            await asyncio.sleep(self._limits.poll_seconds)
            return False
        for lease in leases:
            self._leases[lease.key] = lease
            self._tasks[lease.key] = asyncio.create_task(self._work(lease), name=f"{self._service} {lease.key.name}")
        metrics.IN_FLIGHT.labels(self._service).set(len(self._tasks))
        return len(leases) == room

    async def renew(self) -> None:
        """Keep the leases of all turns under way; cancel those whose lease is lost. Runs until cancelled."""
        while True:
            await asyncio.sleep(self._limits.lease_seconds / 3)
            with suppress(Transient):
                self.interrupt(await self._store.renew([*self._leases.values()], seconds=self._limits.lease_seconds))

    async def drain(self, seconds: float) -> None:
        """Let turns under way end, for at most `seconds`; give the leases of the others back."""
        if self._tasks:
            await asyncio.wait([*self._tasks.values()], timeout=seconds)
        for task in [*self._tasks.values()]:
            task.cancel()
        if self._tasks:
            await asyncio.wait([*self._tasks.values()], timeout=5)

    async def _work(self, lease: Lease) -> None:
        try:
            with metrics.TURN_SECONDS.labels(self._service).time():
                await self._turn(lease)
        except asyncio.CancelledError:
            await self._let_go(lease, delay=0, error="interrupted", counts=False)
        except Fenced:
            log.info("lease lost", service=self._service, case=lease.key.name)
        finally:
            self._tasks.pop(lease.key, None)
            self._leases.pop(lease.key, None)
            self._wake.set()

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

        return Turn(lease.key, lease.state, lease.label, lease.version, lease.attempts, events, self._now, keep)

    def _decode(self, lease: Lease) -> tuple[tuple[Event, ...], list[Message], list[tuple[Message, str]]]:
        """Events of the messages, the messages they came from, and the messages that cannot be read, with reasons."""
        events, readable, unreadable = [], [], []
        for message in lease.messages:
            try:
                where = f"{message.topic or 'timer'} {message.event_id}"
                events.append(registry.decode(message.headers, message.value, where=where))
                readable.append(message)
            except Invalid as error:
                unreadable.append((message, str(error)))
        return tuple(events), readable, unreadable

    async def _end(
        self, turn: Turn, lease: Lease, step: Step, done: list[Message], dead: list[tuple[Message, str]]
    ) -> None:
        write = encoding.write(turn, lease.epoch, step, service=self._service)
        ends = [encoding.burial(message, lease.key, reason) for message, reason in dead]
        write = replace(
            write,
            done=tuple(message.seq for message in done),
            dead=tuple(burial for burial, _ in ends),
            outbox=(*write.outbox, *(row for _, row in ends)),
            release=True,
        )
        await self._commit_write(write)
        for message, reason in dead:
            metrics.BURIED.labels(self._service).inc()
            log.error("message buried", service=self._service, case=lease.key.name, id=message.event_id, reason=reason)

    async def _commit_write(self, write: Write) -> None:
        verdict = await self._commit(write)
        metrics.STEPS.labels(self._service, verdict.value).inc()
        if verdict is Verdict.FENCED:
            raise Fenced(f"{self._service}: {write.key.name}: another worker has it")
        if verdict is Verdict.HELD:
            raise Conflict(f"{self._service}: {write.key.name}: another holds one of {', '.join(write.take)}")
        if verdict is Verdict.STOPPED:
            raise Refused(f"{self._service}: {write.key.name}: stopped by one of {', '.join(write.unless)}")
        self.stepped(write.key)
        if write.outbox:
            self.committed()

    async def _failed(self, lease: Lease, turn: Turn, messages: list[Message], error: Exception) -> None:
        metrics.FAILURES.labels(self._service, type(error).__name__).inc()
        final = disposition(error) is Disposition.DEAD_LETTER or self._exhausted(lease.attempts + 1, error)
        if final and len(lease.messages) > 1:
            await self._alone(lease)
        elif final:
            await self._bury(lease, turn, messages, error)
        else:
            delay = error.seconds if isinstance(error, NotYet) else min(0.2 * 2**lease.attempts, 30)
            log.warning(
                "turn failed; trying again",
                service=self._service, case=lease.key.name, seconds=delay, error=repr(error),
                exc_info=not isinstance(error, AivisError),
            )  # fmt: skip
            await self._let_go(lease, delay=delay, error=repr(error), counts=True)

    def _exhausted(self, attempts: int, error: Exception) -> bool:
        bound = self._limits.transient_attempts if isinstance(error, Transient) else self._limits.attempts
        return attempts >= bound

    async def _alone(self, lease: Lease) -> None:
        """One of several messages is bad: take the oldest by itself; the others follow in turns of their own."""
        snapshot = await self._store.read(lease.key)
        if snapshot is None:
            return
        first = Lease(
            lease.key, lease.epoch, snapshot.version, snapshot.state, snapshot.label,
            max(lease.attempts, self._limits.attempts - 1), lease.messages[:1],
        )  # fmt: skip
        await self._turn(first)

    async def _bury(self, lease: Lease, turn: Turn, messages: list[Message], error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        log.error("giving up", service=self._service, case=lease.key.name, reason=reason)
        try:
            step = self._handler.give_up(turn, reason)
        except Exception:
            log.exception("nobody could be told", service=self._service, case=lease.key.name)
            step = Step()
        await self._end(turn, lease, step, [], [(message, reason) for message in messages])

    async def _let_go(self, lease: Lease, *, delay: float, error: str, counts: bool) -> None:
        with suppress(Transient):
            await self._store.defer([Deferral(lease.key, lease.epoch, delay, error, counts)])
