"""Turns: at a key that is leased the service decides; its step is committed, or retried, or its messages are buried."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from time import perf_counter

import structlog

from aivis.errors import AivisError, Conflict, Disposition, Invalid, Refused, Transient, disposition
from aivis.events import registry
from aivis.events.envelope import Event, Head
from aivis.mailbox import encoding, metrics
from aivis.mailbox.committing import GroupCommit
from aivis.mailbox.limits import Limits
from aivis.mailbox.ports import Store
from aivis.mailbox.publishing import Publisher
from aivis.mailbox.turn import Fenced, Handler, NotYet, Turn
from aivis.mailbox.values import MAX_REASON, Deferral, Key, Lease, Message, Step, Verdict, Write

log = structlog.get_logger()


def utc() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


class Turns:
    """Takes turns at leased keys."""

    def __init__(self, service: str, store: Store, handler: Handler, limits: Limits, publisher: Publisher) -> None:
        self._service = service
        self._store = store
        self._handler = handler
        self._limits = limits
        self._commit = GroupCommit(service, store, publisher)
        self._seconds = metrics.TURN_SECONDS.labels(service)
        self.now: Callable[[], datetime] = utc
        self.stepped: Callable[[Key], None] = lambda _: None
        """Called after every commit, with its key."""

    async def work(self, lease: Lease) -> None:
        """A turn at the key of `lease`, to its end, whatever that is; when cancelled, the key is let go."""
        started = perf_counter()
        try:
            await self._turn(lease)
        except asyncio.CancelledError:
            await self.let_go(lease, delay=0, error="interrupted", counts=False)
        except Fenced:
            log.info("lease lost", service=self._service, case=lease.key.name)
        except Transient as error:  # while giving up: the database is away
            await self.let_go(lease, delay=1, error=repr(error), counts=False)
        finally:
            self._seconds.observe(perf_counter() - started)

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
            await self.let_go(lease, delay=delay, error=repr(error), counts=True)

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

    async def let_go(self, lease: Lease, *, delay: float, error: str, counts: bool) -> None:
        """Give the key back, to be leased anew after `delay` seconds; `counts` as a failed attempt."""
        with suppress(Transient):
            await self._store.defer([Deferral(lease.key, lease.epoch, delay, error, counts)])


def _event(message: Message) -> Event:
    where = f"{message.topic or 'timer'} {message.event_id}"
    head = message.head or Head.read(message.headers, where=where)
    return registry.with_body(head, message.value, where=where)
