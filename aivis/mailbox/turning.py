"""Turns: at a key that is leased the service decides; its step is committed, or retried, or its messages are buried."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from time import perf_counter

import structlog

from aivis.errors import AivisError, Conflict, Disposition, Invalid, Refused, Transient, disposition
from aivis.events import registry
from aivis.events.envelope import Event, Head
from aivis.mailbox import encoding, metrics, past
from aivis.mailbox.clock import utc
from aivis.mailbox.committing import GroupCommit
from aivis.mailbox.encoding import GOING_ON, Ending
from aivis.mailbox.limits import Limits
from aivis.mailbox.ports import Store
from aivis.mailbox.publishing import Publisher
from aivis.mailbox.turn import Fenced, Frozen, Handler, NotYet, Pause, Turn
from aivis.mailbox.values import (
    ANY_TENANT,
    MAX_REASON,
    Deferral,
    Key,
    Lease,
    Message,
    Restoration,
    Step,
    Verdict,
    Write,
)

log = structlog.get_logger()

_Dead = tuple[Message, str]
"""A message to be buried, and why."""


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
        """By the database's clock, where the mailbox knows it."""
        self.stepped: Callable[[Key], None] = lambda _: None
        """Called after every commit, with its key."""
        self.restored: Restoration | None = None

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
        """Decide and commit; on an error once more with the oldest message alone, so that a bad one harms no other.

        What cannot be read is buried before: it waits for nothing.
        """
        events, messages, unreadable = self._decode(lease)
        turn = self._new_turn(lease)
        if unreadable:
            await self._bury_unread(lease, turn, unreadable, release=not events)
        if not events:
            return
        turn.events = events
        try:
            await self._end(turn, lease, await self._handler.handle(turn), Ending(_seqs(messages)))
        except Fenced:
            raise
        except Exception as error:  # noqa: BLE001 - the one place where any error becomes retry or dead letter
            await self._failed(lease, turn, messages, error)

    def _new_turn(self, lease: Lease) -> Turn:
        async def keep(turn: Turn, step: Step) -> None:
            await self._end(turn, lease, step, GOING_ON)

        known = (lease.key, lease.state, lease.label, lease.version, lease.attempts)
        return Turn(*known, (), self.now, keep, epoch=lease.epoch, restored=self.restored)

    def _decode(self, lease: Lease) -> tuple[tuple[Event, ...], list[Message], list[_Dead]]:
        """Events of the messages, the messages they came from, and the messages that cannot be read, with reasons."""
        events, readable, unreadable = [], [], []
        for message in lease.messages:
            try:
                events.append(_event(message))
                readable.append(message)
            except Invalid as error:
                unreadable.append((message, str(error)[:MAX_REASON]))
        return tuple(events), readable, unreadable

    async def _end(self, turn: Turn, lease: Lease, step: Step, ending: Ending) -> None:
        """Commit the step with what ends with it; the turn stands after it."""
        await self._commit_write(encoding.write(turn, lease.epoch, step, service=self._service, ending=ending))
        turn.version += 1
        turn.state = turn.state if step.state is None else step.state
        turn.label = turn.label if step.label is None else step.label

    async def _commit_write(self, write: Write) -> None:
        verdict = await self._commit(write)
        if verdict is Verdict.FENCED:
            raise Fenced(f"{self._service}: {write.key.name}: another worker has it")
        if verdict is Verdict.HELD:
            raise Conflict(f"{self._service}: {write.key.name}: another holds one of {', '.join(write.take)}")
        if verdict is Verdict.STOPPED:
            raise Refused(f"{self._service}: {write.key.name}: stopped by one of {', '.join(write.unless)}")
        if verdict is Verdict.FROZEN:
            raise await self._frozen(write)
        self.stepped(write.key)

    async def _frozen(self, write: Write) -> AivisError:
        """Which window keeps `write` out the longest."""
        found = [
            window
            for window in await self._store.windows(prefix="")
            if window.hold in write.unless and window.tenant in (write.key.tenant, ANY_TENANT)
        ]
        if not found:
            return NotYet(f"{self._service}: {write.key.name}: it was frozen just now, and is not any more", seconds=0)
        window = max(found, key=lambda each: each.ends)
        message = f"{self._service}: {write.key.name}: {window.hold} is frozen until {window.ends}: {window.reason}"
        return Frozen(message, window=window)

    async def _failed(self, lease: Lease, turn: Turn, messages: list[Message], error: Exception) -> None:
        if isinstance(error, Pause):
            log.debug("turn waits", service=self._service, case=lease.key.name, seconds=error.seconds, why=str(error))
            await self.let_go(lease, delay=error.seconds, error=repr(error), counts=False)
            return
        metrics.FAILURES.labels(self._service, type(error).__name__).inc()
        final = disposition(error) is Disposition.DEAD_LETTER or self._exhausted(lease, error)
        if len(messages) > 1:
            await self._alone(lease, messages[0])
        elif final:
            reason = f"{type(error).__name__}: {error}"[:MAX_REASON]
            await self._bury(lease, turn, [(message, reason) for message in messages])
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

    def _exhausted(self, lease: Lease, error: Exception) -> bool:
        """Whether `error` was the last: by the number of tries, and for what may pass by the time since the first."""
        if lease.attempts + 1 < self._limits.attempts:
            return False
        if isinstance(error, NotYet):
            return lease.failing >= self._limits.early_seconds
        return not isinstance(error, Transient) or lease.failing >= self._limits.transient_seconds

    async def _alone(self, lease: Lease, message: Message) -> None:
        """One of several messages is bad: take the oldest by itself; the others follow, together again.

        Not when the lease is gone: a commit whose reply was lost may have ended the turn.
        """
        if await self._store.renew([lease], seconds=self._limits.lease_seconds):
            raise Fenced(f"{self._service}: {lease.key.name}: the lease is gone")
        snapshot = await self._store.read(lease.key)
        if snapshot is None:
            return
        first = Lease(
            lease.key, lease.epoch, snapshot.version, snapshot.state, snapshot.label,
            lease.attempts, (message,), lease.failing,
        )  # fmt: skip
        await self._turn(first)

    async def _bury_unread(self, lease: Lease, turn: Turn, dead: list[_Dead], *, release: bool) -> None:
        metrics.FAILURES.labels(self._service, Invalid.__name__).inc(len(dead))
        turn.unread = tuple([head for message, _ in dead if (head := _head(message)) is not None])
        await self._bury(lease, turn, dead, release=release)
        turn.unread = ()

    async def _bury(self, lease: Lease, turn: Turn, dead: list[_Dead], *, release: bool = True) -> None:
        """Take messages out of the way, and let the service tell somebody; without that, if it fails over it."""
        reason = "; ".join(dict.fromkeys([reason for _, reason in dead]))[:MAX_REASON]
        log.error("giving up", service=self._service, case=lease.key.name, reason=reason)
        burials = tuple([encoding.burial(message, lease.key, why) for message, why in dead])
        ending = Ending(burials=burials, release=release)
        try:
            await self._end(turn, lease, self._handler.give_up(turn, reason), ending)
        except (Fenced, Transient):
            raise
        except Exception:
            log.exception("nobody could be told", service=self._service, case=lease.key.name)
            await self._end(turn, lease, Step(), ending)
            metrics.UNTOLD.labels(self._service).inc(len(dead))
        metrics.BURIED.labels(self._service).inc(len(dead))
        for message, why in dead:
            log.error("message buried", service=self._service, case=lease.key.name, id=message.event_id, reason=why)

    async def let_go(self, lease: Lease, *, delay: float, error: str, counts: bool) -> None:
        """Give the key back, to be leased anew after `delay` seconds; `counts` as a failed attempt."""
        with suppress(Transient):
            await self._store.defer([Deferral(lease.key, lease.epoch, delay, error, counts)])


def _seqs(messages: list[Message]) -> tuple[int, ...]:
    return tuple([message.seq for message in messages])


def _event(message: Message) -> Event:
    where = f"{message.topic or 'timer'} {message.event_id}"
    head = message.head or Head.read(message.headers, where=where)
    event = registry.with_body(head, message.value, where=where)
    then = past.read(message.topic)
    return event if then is None else event._replace(past=then)


def _head(message: Message) -> Head | None:
    with suppress(Invalid):
        return message.head or Head.read(message.headers, where=message.event_id)
    return None
