"""Poison in the middle of a batch, over a real broker: the good ones are done, soon and in order; the bad one is out of
the way where people find it, and nothing is lost.
"""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from aivis import topics
from aivis.events import registry
from aivis.events.envelope import Event, Record, encode
from aivis.events.escalations import CaseEscalated
from aivis.mailbox.letters import Heading, Kind
from tests.integration.aivis.echo import POISON, REQUESTS
from tests.integration.aivis.test_bus import MALFORMED, malformed, records
from tests.integration.aivis.traffic import (
    Running,
    echoing,
    listening,
    producing,
    request,
    requests,
    send_records,
    until,
)
from tests.integration.services.broker import running_broker

PATIENCE = 2.0
"""Seconds for which what may pass is tried."""
SOON = 5.0
"""Seconds in which good ones are done whatever is wrong with others: far less than anything is tried again for."""
RAISING = sorted(POISON)
UNREADABLE = ("not JSON", "nested 10,000 deep", "nested 100 deep", "a field missing")
"""Let in by its headers, and not to be read."""
KEPT_OUT = sorted(MALFORMED.keys() - {*UNREADABLE})


def poison(text: str, key: str) -> Event:
    """A request at which a turn raises."""
    event = request(99, key)
    data = event.data.model_copy(update={"text": text})
    return event._replace(id=f"poison-{key}-{text}", data=data)


def good(events: Sequence[Event]) -> list[Record]:
    return [encode(event, REQUESTS.name) for event in events]


def bad(name: str, number: int) -> Record:
    """A record that cannot be let in or read."""
    sent: dict[str, Any] = malformed(name, number)
    return Record(topic=REQUESTS.name, **sent)


async def letters(running: Running, count: int) -> list[Heading]:
    found: list[Heading] = []

    async def enough() -> bool:
        found[:] = await running.store.letters(limit=1_000)
        return len(found) >= count

    until_then = time.monotonic() + 20
    while not await enough():
        assert time.monotonic() < until_then, f"{len(found)} letters of {count}"
    return found


async def test_poison_of_every_kind_holds_up_no_other_key(tmp_path: Path) -> None:
    """A batch for 60 keys, and in the middle of it everything that can be wrong, most of it twice."""
    with running_broker() as broker:
        async with (
            echoing(broker, tmp_path, patience_seconds=60) as running,
            listening(broker) as answers,
            producing(broker) as producer,
        ):
            middle = [bad(name, number) for number, name in enumerate([*MALFORMED, *MALFORMED])]
            middle += good([poison(text, f"bad {text} {n}") for text in RAISING for n in range(2)])
            began = time.monotonic()
            await send_records(
                producer, [*good(requests(keys=60, each=2)), *middle, *good(requests(keys=60, each=2, start=2))]
            )
            await until(lambda: len(answers.requests) == 240, seconds=SOON)
            assert time.monotonic() - began < SOON
            answers.check(keys=60, each=4)
            quarantined = [each for each in await letters(running, 1) if each.kind is Kind.QUARANTINED]
            assert len(quarantined) == 2 * len(KEPT_OUT)


@pytest.mark.parametrize("text", RAISING)
async def test_poison_of_every_class_is_buried_and_its_own_key_goes_on_in_order(tmp_path: Path, text: str) -> None:
    with running_broker() as broker:
        async with (
            echoing(broker, tmp_path, patience_seconds=PATIENCE) as running,
            listening(broker) as answers,
            producing(broker) as producer,
        ):
            first, last = (good([request(place, "k0") for place in places]) for places in (range(5), range(5, 10)))
            event = poison(text, "k0")
            await send_records(producer, [*first, *good([event]), *last])
            await until(lambda: len(answers.requests) >= 5, seconds=SOON)
            await until(lambda: len(answers.requests) == 10, seconds=PATIENCE + SOON)
            answers.check(keys=1, each=10)
            assert len(answers.came) == 10, "none was done twice"
            [letter] = await letters(running, 1)
            assert (letter.event_id, letter.kind, letter.key) == (event.id, Kind.BURIED, "k0")
            assert letter.reason.startswith(POISON[text].__name__)
            [dead] = await records(broker, topics.DEAD_LETTER, count=1)
            assert dict(dead.headers)["ce_id"] == event.id.encode()
            await told(broker, {event.id})


async def test_what_cannot_be_read_is_out_of_the_way_and_its_own_key_goes_on_in_order(tmp_path: Path) -> None:
    with running_broker() as broker:
        async with (
            echoing(broker, tmp_path) as running,
            listening(broker) as answers,
            producing(broker) as producer,
        ):
            batch: list[Record] = []
            for number, name in enumerate(MALFORMED):
                batch += [*good([request(number, "bad")]), bad(name, number)]
            await send_records(producer, batch)
            await until(lambda: len(answers.requests) == len(MALFORMED), seconds=SOON)
            answers.check(keys=1, each=len(MALFORMED))
            found = await letters(running, len(MALFORMED))
            kinds = Counter(letter.kind for letter in found)
            assert kinds == {Kind.BURIED: len(UNREADABLE), Kind.QUARANTINED: len(KEPT_OUT)}
            buried = {letter.event_id for letter in found if letter.kind is Kind.BURIED}
            dead = await records(broker, topics.DEAD_LETTER, count=len(UNREADABLE))
            assert {dict(record.headers)["ce_id"].decode() for record in dead} == buried
            await told(broker, buried)


async def told(broker: str, ids: set[str]) -> None:
    """People hear of every one of these messages."""
    heard: set[str] = set()
    for record in await records(broker, topics.ESCALATIONS.name, count=1):
        data = registry.decode(record.headers, record.value, where="escalation").data
        assert isinstance(data, CaseEscalated)
        heard |= {id for id in ids if any(id in known for known in data.summary.known)}
    assert heard == ids
