"""A mailbox on a real SQLite file, with a bus that a test can look into and a handler that it scripts."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import orjson

from aivis import identity
from aivis.errors import Transient
from aivis.events.envelope import Event, body, headers_of
from aivis.events.replies import ReplyKind, ReplySent
from aivis.events.tickets import TicketMessageAdded
from aivis.mailbox.limits import Limits
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.ports import Store
from aivis.mailbox.stores.sqlite.store import SqliteStore
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Arrival, Key, Letter, OutboxRow, Outgoing, Step, Verdict, Write
from aivis.topics import DEAD_LETTER, REPLIES, TICKETS

R = TypeVar("R")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SERVICE = "reasoner"
LIMITS = Limits(poll_seconds=0.02, backoff_seconds=0.01)


def event(name: str, key: str = "a", text: str = "") -> Event:
    """The message `name` of the case `key`."""
    data = TicketMessageAdded(text=text or name)
    return Event(id=f"{key}-{name}", type=data.TYPE, source="gateway", tenant="acme", case=key, time=NOW, data=data)


def arrival(event: Event) -> Arrival:
    return Arrival(event.id, Key(event.tenant, event.case), TICKETS.name, headers_of(event), body(event.data))


def events(keys: int, each: int) -> list[Event]:
    """`each` messages of every key, the keys' messages mingled."""
    return [event(str(n), f"k{key}") for n in range(each) for key in range(keys)]


def answer(asked: Event, now: datetime = NOW) -> Outgoing:
    said = ReplySent(kind=ReplyKind.ANSWER, text=f"to {asked.id}")
    return Outgoing(REPLIES.name, asked.answer(said, id=identity.derived(asked.id, "a"), source=SERVICE, time=now))


def echo(turn: Turn) -> Step:
    """Answer every event, and write down in the key's state which were answered, in order."""
    seen = [] if turn.state is None else orjson.loads(turn.state)
    state = orjson.dumps([*seen, *(event.id for event in turn.events)])
    return Step(state=state, publish=tuple(answer(event, turn.now()) for event in turn.events))


Work = Callable[[Turn], Awaitable[Step]]


@dataclass
class Script:
    """A handler that does what the test says, by default an echo."""

    work: Work | None = None
    on_giving_up: Callable[[Turn, str], Step] = lambda turn, reason: Step()
    interrupting: frozenset[str] = frozenset()
    turns: list[tuple[str, ...]] = field(default_factory=list)
    """The ids of each turn's events, in the order in which turns began."""
    running: int = 0
    most_running: int = 0

    async def handle(self, turn: Turn) -> Step:
        self.turns.append(tuple(event.id for event in turn.events))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            return echo(turn) if self.work is None else await self.work(turn)
        finally:
            self.running -= 1

    def give_up(self, turn: Turn, reason: str) -> Step:
        return self.on_giving_up(turn, reason)

    def interrupts(self, event_type: str) -> bool:
        return event_type in self.interrupting


@dataclass
class Tape:
    """A broker: keeps what it is sent. `accepts` says of each row whether the broker took it, and said so."""

    accepts: Callable[[OutboxRow], tuple[bool, bool]] = lambda row: (True, True)
    rows: list[OutboxRow] = field(default_factory=list)

    async def send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        """A real broker may take a later record of a key and lose an earlier one: so does this one."""
        await asyncio.sleep(0)
        said, silent = [], set()
        for row in rows:
            taken, acknowledged = self.accepts(row)
            if taken:
                self.rows.append(row)
            if not acknowledged:
                silent.add(row.key)
            said.append(acknowledged and row.key not in silent)
        return said

    def ids(self, topic: str = REPLIES.name) -> list[str]:
        return [row.event_id for row in self.rows if row.topic == topic]

    def dead(self) -> list[OutboxRow]:
        return [row for row in self.rows if row.topic == DEAD_LETTER]


@dataclass
class Faults:
    """When the database does not answer: before a transaction, or after it, so that its reply is lost."""

    seed: int
    share: float = 0.0
    landed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def strike(self) -> bool:
        hit = self._random.random() < self.share
        self.landed += hit
        return hit


class FaultyStore(SqliteStore):
    """A real store whose every answer may be lost."""

    def __init__(self, path: Path, faults: Faults) -> None:
        super().__init__(path)
        self._faults = faults

    async def _on_thread(self, run: Callable[[], R]) -> R:
        if self._faults.strike():
            raise Transient("the database is away")
        result = await super()._on_thread(run)
        if self._faults.strike():
            raise Transient("the reply is lost")
        return result


class CountingStore(SqliteStore):
    """A real store that counts its commits."""

    commits = 0

    async def commit(
        self, writes: Sequence[Write], *, claim_seconds: float = 0
    ) -> tuple[list[Verdict], list[OutboxRow]]:
        self.commits += 1
        return await super().commit(writes, claim_seconds=claim_seconds)


@dataclass
class Stand:
    mailbox: Mailbox
    script: Script
    tape: Tape

    async def deliver(self, *incoming: Event) -> None:
        await self.mailbox.receive([arrival(each) for each in incoming])

    async def quiet(self) -> None:
        """Return when nothing waits in the inbox or the outbox."""

        async def empty() -> bool:
            with contextlib.suppress(Transient):
                depths = await self.mailbox.store.depths()
                return depths.inbox == 0 and depths.outbox == 0
            return False

        while not await empty():
            await _soon()

    async def state(self, key: str) -> list[str]:
        """The ids of the events that the key's state knows of."""
        snapshot = await self.mailbox.store.read(Key("acme", key))
        found: list[str] = [] if snapshot is None or snapshot.state is None else orjson.loads(snapshot.state)
        return found


async def kept(stand: Stand) -> list[Letter]:
    """The dead letters whole, newest first."""
    store = stand.mailbox.store
    found = [await store.letter(heading.id) for heading in await store.letters(limit=10)]
    return [letter for letter in found if letter is not None]


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await _soon()


async def _soon() -> None:
    await asyncio.sleep(0.003)


@asynccontextmanager
async def running(
    path: Path | Store, script: Script | None = None, tape: Tape | None = None, limits: Limits = LIMITS
) -> AsyncIterator[Stand]:
    """A mailbox at work; drained at the end."""
    store = SqliteStore(path / "mailbox.db") if isinstance(path, Path) else path
    await store.open()
    script, tape = script or Script(), tape or Tape()
    mailbox = Mailbox(SERVICE, store, script, limits=limits, now=lambda: NOW)
    task = asyncio.create_task(mailbox.run(tape))
    try:
        yield Stand(mailbox, script, tape)
    finally:
        await stopped(task)
        await store.close()


async def stopped(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def first_places(ids: Iterable[str]) -> list[str]:
    """`ids` without repetitions, each at its first place."""
    return list(dict.fromkeys(ids))
