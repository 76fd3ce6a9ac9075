"""What comes from the bus: records with headers, bodies of every type; and what stores give back."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache

import orjson

from aivis import topics
from aivis.admission import Admission, Received
from aivis.errors import Invalid
from aivis.events import registry
from aivis.events.envelope import Head
from aivis.mailbox.stores import rows
from aivis.mailbox.values import Arrival, Letter
from fuzz.harness import Harness, headed, samples, with_head
from services.escalation import entry as escalation_entry
from services.escalation.consumer import refine as of_escalation
from services.executor.consumer import action_key_of
from services.executor.ledger import Entry
from services.gateway import ticket as gateway_ticket
from services.gateway.consumer import refine as of_gateway
from services.reasoner import folding

_SOURCES = {"helpdesk": "acme", "desk": "acme"}


@cache
def _admissions() -> tuple[Admission, ...]:
    """Each service's."""
    plain = ("planner", "reasoner", "retriever")
    intake = {name: topics.intake(name) for name in _SOURCES}
    gateway = {topic.name: topic for topic in (*topics.consumed_by("gateway"), *intake.values())}
    return (
        Admission(gateway, refine=of_gateway(_SOURCES)),
        Admission(_table("executor"), action_key_of),
        Admission(_table("escalation"), refine=of_escalation()),
        *[Admission(_table(name)) for name in plain],
    )


def _table(service: str) -> dict[str, topics.Topic]:
    return {topic.name: topic for topic in topics.consumed_by(service)}


def _record(data: bytes) -> None:
    """Topic and key are headers of the input. Sorting raises nothing at all: a bad record stops nobody."""
    headers, value = headed(data)
    named = dict(headers)
    topic = named.get(":topic", b"").decode("latin-1")
    record = Received(topic, topic, named.get(":key"), headers[2:], value or None)
    for admission in _admissions():
        arrivals, letters = _sorted(admission, record)
        for arrival in arrivals:
            registry.with_body(arrival.head or Head.read(arrival.headers, where=topic), arrival.value, where=topic)
        for letter in letters:
            with suppress(Invalid):
                admission.again(letter)


def _sorted(admission: Admission, record: Received) -> tuple[list[Arrival], list[Letter]]:
    try:
        return admission.sort([record])
    except Invalid as error:
        raise AssertionError(f"sorting raised {error}") from error


def _records() -> Sequence[bytes]:
    found = []
    for sample in map(orjson.loads, samples()):
        headers = [(name, value.encode()) for name, value in sample["headers"].items()]
        place = [(":topic", sample["topic"].encode()), (":key", sample["key"].encode())]
        found.append(with_head([*place, *headers], orjson.dumps(sample["value"])))
    return found


def _state(data: bytes) -> None:
    """What our own databases hold, damaged: the error ends the turn or the start, and nothing is made of it."""
    kind, _, state = data.partition(b"\n")
    loads = {
        b"action": Entry.load, b"escalation": escalation_entry.load, b"ticket": gateway_ticket.load,
        b"case": folding.load, b"headers": rows.unpack,
    }  # fmt: skip
    loads.get(kind, Entry.load)(state)


def _states() -> Sequence[bytes]:
    entry = Entry.model_construct(
        tenant="acme", case="c", event="e", digest="d", since="2026-03-01T12:00:00Z",
        request={"action": "a", "subtask": "s", "agent": "x", "tool": "t.t", "arguments": {}, "purpose": "check",
                 "customer": "c"},
    )  # fmt: skip
    action = orjson.dumps({name: getattr(entry, name) for name in entry.model_fields_set})
    opened = b'{"ticket":"T-1","text":"dark","approvals":[],"last":1}'
    return [
        b"action\n" + action, b"escalation\n" + opened, b"ticket\n" + b'{"ticket":"T-1"}',
        b"headers\n" + rows.pack((("a", b"b"), ("raw", b"\xff"))),
    ]  # fmt: skip


HARNESSES = (
    Harness(
        "records",
        "records of the bus, as each service lets them in and reads them",
        _record,
        (
            "aivis/events/envelope.py:Head.read", "aivis/events/registry.py:payload",
            "aivis/mailbox/turning.py:_event", "services/executor/consumer.py:action_key_of",
        ),
        _records,
    ),
    Harness(
        "states",
        "what the databases give back",
        _state,
        (
            "aivis/mailbox/stores/rows.py:unpack", "services/escalation/entry.py:load",
            "services/executor/ledger.py:Entry.load", "services/gateway/ticket.py:load",
            "services/reasoner/folding.py:load",
        ),
        _states,
        (ValueError, TypeError, AttributeError),
    ),
)  # fmt: skip
