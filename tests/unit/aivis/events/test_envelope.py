"""An event as a record: what is read, and what is refused with which words."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aivis.errors import Invalid
from aivis.events import registry
from aivis.events.envelope import MAX_PAYLOAD_BYTES, Event, Head, encode
from aivis.events.tickets import TicketMessageAdded, TicketOpened

TYPE = TicketMessageAdded.TYPE
ATTRIBUTES = {"ce_id": "e1", "ce_type": TYPE, "ce_source": "gateway", "ce_subject": "c1", "ce_tenant": "acme"}
GOOD = b'{"text": "It still times out."}'
TRACE = "00-eebdd8c9f93a5b248c949caaddf17ad4-5505ea87095550de-01"
Headers = tuple[tuple[str, bytes], ...]


def headers(**changes: str | bytes | None) -> Headers:
    found = {**ATTRIBUTES, **changes}
    return tuple(
        (name, value if isinstance(value, bytes) else value.encode())
        for name, value in found.items()
        if value is not None
    )


def refusal(head: Headers, value: bytes = GOOD) -> str:
    with pytest.raises(Invalid) as caught:
        registry.decode(head, value, where="aivis.tickets[2]@17")
    assert str(caught.value).startswith("aivis.tickets[2]@17: ")
    return str(caught.value).removeprefix("aivis.tickets[2]@17: ")


def test_the_least_that_an_event_needs_is_enough() -> None:
    event = registry.decode(headers(), GOOD, where="x")
    assert (event.id, event.tenant, event.case, event.source) == ("e1", "acme", "c1", "gateway")
    assert event.data == TicketMessageAdded(text="It still times out.")
    assert (event.causation, event.sequence, event.reasked, event.traceparent) == (None, None, False, None)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_that_is_missing_or_empty_or_too_long_is_named(name: str) -> None:
    assert refusal(headers(**{name: None})) == f"CloudEvents header {name}: Field required"
    assert refusal(headers(**{name: ""})).startswith(f"CloudEvents header {name}: String should have at least 1")
    assert refusal(headers(**{name: "x" * 201})).startswith(f"CloudEvents header {name}: String should have at most")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ce_id": b"\xff\xfe"}, "CloudEvents header ce_id: not UTF-8: invalid start byte"),
        ({"ce_subject": "a\x00b"}, "CloudEvents header ce_subject: has control characters"),
        ({"ce_id": "a\nb"}, "CloudEvents header ce_id: has control characters"),
        ({"ce_tenant": "a/b"}, "CloudEvents header ce_tenant: String should match pattern"),
        ({"ce_tenant": "acme\u00e9"}, "CloudEvents header ce_tenant: String should match pattern"),
        ({"ce_time": "yesterday"}, "CloudEvents header ce_time: Input should be a valid datetime"),
        ({"ce_time": "2026-03-02T09:14:07"}, "CloudEvents header ce_time: Input should have timezone info"),
        ({"ce_sequence": "first"}, "CloudEvents header ce_sequence: Input should be a valid integer"),
        ({"ce_sequence": "-1"}, "CloudEvents header ce_sequence: Input should be greater than or equal to 0"),
        ({"ce_sequence": str(2**63)}, "CloudEvents header ce_sequence: Input should be less than"),
        ({"ce_reasked": "perhaps"}, "CloudEvents header ce_reasked: Input should be a valid boolean"),
        ({"ce_causationid": "x" * 201}, "CloudEvents header ce_causationid: String should have at most 200"),
        ({"ce_type": "aivis.ticket.eaten"}, "event type 'aivis.ticket.eaten' is unknown; known: aivis.action."),
    ],
)
def test_a_bad_attribute_is_refused_with_what_is_wrong(changes: dict[str, str | bytes], words: str) -> None:
    assert refusal(headers(**changes)).startswith(words)


def test_an_attribute_that_is_given_twice_is_refused() -> None:
    """Or two readers of one record could take it for events of two tenants."""
    assert refusal((*headers(), ("ce_tenant", b"globex"))) == "CloudEvents header ce_tenant: given twice"


def test_headers_that_are_not_cloudevents_are_passed_over_whatever_they_hold() -> None:
    foreign = (("id", b"other"), ("tenant", b"globex"), ("uber-trace", b"\xff\x00"), ("subject", b""))
    assert registry.decode((*foreign, *headers(), *foreign), GOOD, where="x").tenant == "acme"


@pytest.mark.parametrize("bad", ["", "garbage", TRACE.upper(), TRACE + "\n", "x" * 100_000, b"\xff"])
def test_a_trace_context_that_is_none_is_dropped(bad: str | bytes) -> None:
    assert registry.decode(headers(traceparent=bad), GOOD, where="x").traceparent is None


def test_a_trace_context_is_kept() -> None:
    assert registry.decode(headers(traceparent=TRACE), GOOD, where="x").traceparent == TRACE


NOT_JSON = [b"", b"{", b"nonsense", b"\xff\xfe", b'{"text": "\xc3\x28"}', b"{'text': 'x'}", b'{"text": "x"} {}', b"NaN"]


@pytest.mark.parametrize("value", NOT_JSON)
def test_a_body_that_is_not_json_is_refused(value: bytes) -> None:
    assert refusal(headers(), value).startswith(f"{TYPE}: the body is not JSON: ")


@pytest.mark.parametrize("value", [b"[]", b"null", b'"text"', b"7"])
def test_a_body_that_is_no_object_is_refused(value: bytes) -> None:
    assert refusal(headers(), value).startswith(f"{TYPE}: field (body): ")


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return b'{"text": "x", "later": ' + opening * depth + closing * depth + b"}"


@pytest.mark.parametrize("depth", [registry.MAX_DEPTH, 500, 1_100, 10_000, 100_000])
def test_a_body_that_nests_too_deep_is_refused(depth: int) -> None:
    for value in (nested(depth), nested(depth, b'{"a":', b"}").replace(b":}", b":1}")):
        words = refusal(headers(), value)
        assert "nests deeper than 64 levels" in words or "the body is not JSON" in words


def test_a_body_that_nests_as_deep_as_allowed_is_read() -> None:
    registry.decode(headers(), nested(registry.MAX_DEPTH - 1), where="x")


def test_a_body_of_another_event_is_refused_by_its_field() -> None:
    assert refusal(headers(), b'{"reason": "x"}') == f"{TYPE}: field text: Field required"
    assert refusal(headers(), b'{"text": 7}') == f"{TYPE}: field text: Input should be a valid string"


def test_times_inside_a_body_need_their_zone() -> None:
    body = {"ticket": "T", "source": "s", "customer": "c", "text": "x", "opened_at": "2026-03-02T09:14:07"}
    words = refusal(headers(ce_type=TicketOpened.TYPE), orjson.dumps(body))
    assert words == f"{TicketOpened.TYPE}: field opened_at: Input should have timezone info"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.sampled_from(sorted(registry.PAYLOADS)), st.binary(max_size=60) | JSON.map(lambda v: repr(v).encode()) | JSON)
def test_no_body_raises_anything_but_invalid(type: str, value: Any) -> None:
    try:
        content = value if isinstance(value, bytes) else orjson.dumps(value)
    except TypeError:
        return
    with contextlib.suppress(Invalid):
        registry.decode(headers(ce_type=type), content, where="x")


@given(st.lists(st.tuples(st.sampled_from([*ATTRIBUTES, "ce_time", "traceparent", "id"]) | st.text(), st.binary())))
def test_no_header_raises_anything_but_invalid(extra: list[tuple[str, bytes]]) -> None:
    with contextlib.suppress(Invalid):
        Head.read((*extra, *headers()), where="x")


def event(text: str, **changes: Any) -> Event:
    time = datetime(2026, 3, 2, 9, 14, tzinfo=timezone(timedelta(hours=2)))
    data = TicketMessageAdded(text=text)
    return Event(id="e1", type=TYPE, source="gateway", tenant="acme", case="c1", time=time, data=data, **changes)


def test_an_event_that_is_too_large_is_not_sent_and_the_message_says_what_to_do() -> None:
    room = MAX_PAYLOAD_BYTES - len(encode(event(""), "t").value)
    encode(event("x" * room), "t")
    with pytest.raises(Invalid, match=r"t: aivis.ticket.message-added e1 is 262145 bytes.*artifact store"):
        encode(event("x" * (room + 1)), "t")


def test_an_answer_belongs_to_its_question() -> None:
    asked = event("x", traceparent=TRACE, reasked=True, sequence=4)
    time = datetime(2026, 3, 2, tzinfo=UTC)
    answer = asked.answer(TicketMessageAdded(text="y"), id="e2", source="reasoner", time=time)
    assert (answer.tenant, answer.case, answer.traceparent, answer.key) == ("acme", "c1", TRACE, "acme/c1")
    assert (answer.causation, answer.id, answer.source, answer.time) == ("e1", "e2", "reasoner", time)
    assert (answer.reasked, answer.sequence) == (False, None), "those are the question's own"


def test_every_payload_is_registered_under_a_name_of_its_own() -> None:
    assert all(name == kind.TYPE and name.startswith("aivis.") for name, kind in registry.PAYLOADS.items())
    assert len(set(registry.PAYLOADS.values())) == len(registry.PAYLOADS)
