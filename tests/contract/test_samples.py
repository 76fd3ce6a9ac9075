"""Golden samples: what a record or message of a release looks like, read by the tests of both sides."""

from copy import deepcopy
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message

from aivis import topics
from aivis.errors import Invalid
from aivis.events import registry
from aivis.events.envelope import Event, Head, JsonObject, encode
from aivis.events.timers import TimerDue
from tests.contract.samples import EVENTS, MESSAGES, NEWEST, Sample, contains, message_classes, record, values

events = pytest.mark.parametrize("sample", EVENTS, ids=lambda sample: sample.name)
messages = pytest.mark.parametrize("sample", MESSAGES, ids=lambda sample: sample.name)


def decoded(document: JsonObject) -> Event:
    read = record(document)
    return registry.decode(read.headers, read.value, where="sample")


def inside(document: Any, place: tuple[str | int, ...]) -> Any:
    for step in place:
        document = document[step]
    return document


def test_every_event_has_a_sample_in_the_newest_release() -> None:
    assert {sample.kind for sample in EVENTS if sample.newest} == set(registry.PAYLOADS)


def test_every_message_has_a_sample_in_the_newest_release() -> None:
    assert {sample.kind for sample in MESSAGES if sample.newest} == set(message_classes())


def test_the_newest_samples_show_every_field_of_every_value_with_something_in_it() -> None:
    shown: set[str] = set()
    unshown: set[str] = set()
    for sample in (sample for sample in EVENTS if sample.newest):
        for _, value in values(decoded(sample.document()).data):
            for name, field in type(value).model_fields.items():
                said = field.is_required() or getattr(value, name) != field.get_default(call_default_factory=True)
                (shown if said else unshown).add(f"{type(value).__name__}.{name}")
    assert unshown - shown == set()


def test_the_newest_samples_show_every_attribute_of_the_envelope() -> None:
    documents = [sample.document() for sample in EVENTS if sample.newest]
    shown = {name.removeprefix("ce_") for document in documents for name in document["headers"]}
    assert set(Head.model_fields) - shown == set()


def test_samples_travel_on_topics_that_carry_them() -> None:
    table = {topic.name: topic for topic in (*topics.TOPICS, topics.intake("helpdesk"))}
    for sample in EVENTS:
        document = sample.document()
        if sample.kind == TimerDue.TYPE:
            assert document["topic"] == "", sample.name
        else:
            assert sample.kind in {kind.TYPE for kind in table[document["topic"]].events}, sample.name


@events
def test_an_event_is_read_and_written_again_byte_for_byte(sample: Sample) -> None:
    document = sample.document()
    event = decoded(document)
    assert event.type == sample.kind
    written, sampled = encode(event, document["topic"]), record(document)
    if sample.newest:
        assert written == sampled
    else:  # fields that came later have their defaults
        assert (written.topic, written.key) == (sampled.topic, sampled.key)
        assert dict(sampled.headers).items() <= dict(written.headers).items()
        assert contains(orjson.loads(written.value), document["value"])


@events
def test_fields_and_headers_of_a_later_release_are_passed_over(sample: Sample) -> None:
    document = sample.document()
    later = deepcopy(document)
    event = decoded(document)
    for place, _ in values(event.data):
        inside(later["value"], place)["of_a_later_release"] = {"any": ["thing"]}
    later["headers"]["ce_oflaterrelease"] = "x"
    assert decoded(later) == event


@events
def test_a_missing_field_is_refused_by_name(sample: Sample) -> None:
    document = sample.document()
    for place, value in values(decoded(document).data):
        for name, field in type(value).model_fields.items():
            if not field.is_required():
                continue
            lacking = deepcopy(document)
            del inside(lacking["value"], place)[name]
            dotted = ".".join(str(step) for step in (*place, name))
            with pytest.raises(Invalid) as refusal:
                decoded(lacking)
            assert str(refusal.value).startswith(f"sample: {sample.kind}: field {dotted}: "), refusal.value


@events
def test_a_missing_header_is_refused_by_name(sample: Sample) -> None:
    for name, field in Head.model_fields.items():
        if field.is_required():
            lacking = sample.document()
            del lacking["headers"][f"ce_{name}"]
            with pytest.raises(Invalid, match=rf"^sample: CloudEvents header ce_{name}: "):
                decoded(lacking)


def parsed(sample: Sample, document: JsonObject, *, ignore: bool = False) -> Message:
    return json_format.ParseDict(document, message_classes()[sample.kind](), ignore_unknown_fields=ignore)


@messages
def test_a_message_is_read_and_written_again_the_same(sample: Sample) -> None:
    document = sample.document()
    message = parsed(sample, document)
    assert json_format.MessageToDict(message) == document
    assert type(message).FromString(message.SerializeToString(deterministic=True)) == message


@messages
def test_a_message_field_of_a_later_release_is_passed_over(sample: Sample) -> None:
    document = sample.document()
    message = parsed(sample, document)
    assert parsed(sample, {**document, "ofALaterRelease": [1]}, ignore=True) == message
    later = message.SerializeToString() + bytes((0xBA, 0x3E, 0x02)) + b"hi"  # field 999, a string
    known = type(message).FromString(later)
    assert json_format.MessageToDict(known) == document


def test_the_newest_samples_show_every_field_of_every_message() -> None:
    for sample in (sample for sample in MESSAGES if sample.newest):
        message = parsed(sample, sample.document())
        assert {field.name for field, _ in message.ListFields()} == set(message.DESCRIPTOR.fields_by_name), sample.name


def test_releases_are_numbered_without_a_gap() -> None:
    assert NEWEST.name == f"v{len({sample.path.parts[-2] for sample in EVENTS})}"
