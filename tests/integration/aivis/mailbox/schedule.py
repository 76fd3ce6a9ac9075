"""A schedule of failures of everything at once, and what must hold after it. Any store may be put to it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import orjson

from aivis.errors import Transient
from aivis.events.envelope import Event
from aivis.events.tickets import TicketMessageAdded
from aivis.mailbox.ports import Store
from aivis.mailbox.turn import NotYet, Turn
from aivis.mailbox.values import Key, OutboxRow, Step
from tests.integration.aivis.mailbox.stand import (
    LIMITS,
    Faults,
    Script,
    Tape,
    answer,
    arrival,
    event,
    first_places,
    running,
)

KEYS, LEAST = 8, 10
HARSH = replace(LIMITS, lease_seconds=0.4, claim_seconds=0.2, backoff_seconds=0.002, attempts=1_000)


@dataclass
class Unsteady:
    """A handler that fails, dawdles and commits on the way; what it does is nevertheless done once."""

    dice: random.Random
    share: float = 0.2
    failures: int = 0

    async def __call__(self, turn: Turn) -> Step:
        await asyncio.sleep(self.dice.uniform(0, 0.004))
        if self.dice.random() < self.share:
            await turn.commit(Step(label="on the way"))
        if self.dice.random() < self.share:
            self.failures += 1
            raise self.dice.choice([Transient("away"), NotYet("early", seconds=0.002), KeyError("a fault of ours")])
        seen = [] if turn.state is None else orjson.loads(turn.state)
        log = tuple(_numbered(each, len(seen) + n) for n, each in enumerate(turn.events, 1))
        return Step(
            state=orjson.dumps([*seen, *(each.id for each in turn.events)]),
            publish=tuple(answer(each) for each in turn.events),
            log=log,
        )


def _numbered(event: Event, place: int) -> Event:
    return event._replace(sequence=place)


async def survives(store: Store, faults: Faults, ever_decided: Callable[[], Awaitable[int]], *, seed: int) -> None:
    """Load `store` while it, the handler and the broker fail; then nothing is lost, doubled or out of order.

    `ever_decided` counts the rows that its outbox ever had.
    """
    dice = random.Random(seed)
    handler = Unsteady(dice)

    def accepts(row: OutboxRow) -> tuple[bool, bool]:
        taken = faults.share == 0 or dice.random() > 0.2
        return taken, taken and (faults.share == 0 or dice.random() > 0.2)

    script = Script(handler, interrupting=frozenset({TicketMessageAdded.TYPE}) if seed % 2 else frozenset())
    tape = Tape(accepts)
    limits = replace(HARSH, attempts=10_000)
    async with running(store, script, tape, limits) as stand:
        faults.share = 0.15
        each = 0
        while each < LEAST or faults.landed < 40 or not handler.failures:  # the load lasts as long as the faults
            await stand.mailbox.take_in([arrival(event(str(each), f"k{key}")) for key in range(KEYS)], [])
            await asyncio.sleep(dice.uniform(0, 0.02))
            each += 1
        faults.share, handler.share = 0, 0
        await stand.quiet()
        for key in range(KEYS):
            names = [f"k{key}-{place}" for place in range(each)]
            assert await stand.state(f"k{key}") == names
            log = await stand.mailbox.store.log(Key("acme", f"k{key}"), after=0, limit=10_000)
            assert [(row.sequence, row.event_id) for row in log] == list(enumerate(names, 1))
            sent = [row.event_id for row in tape.rows if row.key == f"acme/k{key}"]
            wanted = [answer(event(str(place), f"k{key}")).event.id for place in range(each)]
            assert set(sent) == set(wanted)
            assert first_places(reversed(sent))[::-1] == wanted
        assert await ever_decided() == KEYS * each, "each answer was decided once"
        assert await stand.mailbox.store.letters(limit=10) == []
