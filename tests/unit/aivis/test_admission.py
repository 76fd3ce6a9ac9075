"""What gets into an inbox, and with which words the rest is kept out."""

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aivis import topics
from aivis.admission import Admission, Received, case_key_of
from aivis.errors import Invalid
from aivis.events.envelope import MAX_PAYLOAD_BYTES, Event, Head, encode
from aivis.events.plans import PlanRequested
from aivis.events.tickets import TicketMessageAdded
from aivis.mailbox.values import MAX_REASON, Arrival, Key, Letter
from aivis.topics import Topic

TICKETS = topics.TICKETS
ADMISSION = Admission({TICKETS.name: TICKETS})
DATA = TicketMessageAdded(text="It still times out.")
TIME = datetime(2026, 3, 2, tzinfo=UTC)
EVENT = Event(id="e1", type=DATA.TYPE, source="gateway", tenant="acme", case="c1", time=TIME, data=DATA)
WHERE = "aivis.tickets[2]@17"


def received(event: Event = EVENT, topic: str = TICKETS.name) -> Received:
    record = encode(event, topic)
    return Received(topic, f"{topic}[2]@17", record.key, record.headers, record.value)


def refused(record: Received, admission: Admission = ADMISSION) -> Letter:
    arrivals, [letter] = admission.sort([record])
    assert arrivals == []
    assert letter.topic == record.topic
    assert letter.value == (record.value or b"")
    assert letter.headers[: len(record.headers)] == record.headers
    return letter


def test_a_good_record_becomes_an_arrival_with_everything_it_had() -> None:
    [arrival], letters = ADMISSION.sort([received()])
    record = encode(EVENT, TICKETS.name)
    assert letters == []
    head = Head.read(record.headers, where=WHERE)
    assert arrival == Arrival("e1", Key("acme", "c1"), TICKETS.name, record.headers, record.value, head=head)


def test_what_a_service_makes_of_the_headers_is_read_anew() -> None:
    def without_time(topic: Topic, head: Head, arrival: Arrival) -> Arrival:
        return arrival._replace(headers=tuple(header for header in arrival.headers if header[0] != "ce_time"))

    [arrival], _ = Admission(ADMISSION.table, refine=without_time).sort([received()])
    assert arrival.head is None


def test_that_an_answer_is_missed_is_told_to_the_inbox() -> None:
    [arrival], _ = ADMISSION.sort([received(EVENT._replace(reasked=True))])
    assert arrival.reasked


def test_what_is_bad_keeps_nothing_good_out() -> None:
    bad = received()._replace(value=None)
    arrivals, letters = ADMISSION.sort([bad, received(), bad, received(EVENT._replace(id="e2"))])
    assert [arrival.event_id for arrival in arrivals] == ["e1", "e2"]
    assert len(letters) == 2


def test_what_is_held_back_is_found_by_the_tenant_and_case_that_it_claims() -> None:
    bad = received()._replace(key=b"globex/other")
    _, [claims, nothing] = ADMISSION.sort([bad, bad._replace(headers=())])
    assert (claims.tenant, claims.key) == (EVENT.tenant, EVENT.case)
    assert (nothing.tenant, nothing.key) == ("", "")


PLAN = PlanRequested(request="r", text="x", customer="c")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (received()._replace(value=None), f"{WHERE}: the record has no value: an event's data is a JSON object"),
        (received()._replace(value=b""), f"{WHERE}: the record has no value: an event's data is a JSON object"),
        (
            received()._replace(value=b"x" * (MAX_PAYLOAD_BYTES + 1)),
            (
                f"{WHERE}: the value is 262145 bytes, over the 262144 an event may have:"
                " put what is large into the artifact store and send its reference"
            ),
        ),
        (received()._replace(headers=()), f"{WHERE}: CloudEvents header ce_id: Field required"),
        (
            received()._replace(key=b"acme/c2"),
            f"{WHERE}: key b'acme/c2' is not tenant and case of the event (b'acme/c1')",
        ),
        (received()._replace(key=None), f"{WHERE}: key None is not tenant and case of the event (b'acme/c1')"),
    ],
    ids=["no value", "empty", "too large", "no headers", "wrong key", "no key"],
)
def test_a_bad_record_is_kept_with_its_bytes_and_a_reason(record: Received, reason: str) -> None:
    assert refused(record).reason == reason


def test_an_event_of_another_topic_is_kept_out_and_told_where_it_is() -> None:
    plan = EVENT._replace(type=PLAN.TYPE, data=PLAN)
    reason = refused(received(plan)).reason
    assert reason.startswith(f"{WHERE}: event type 'aivis.plan.requested' does not belong on this topic: it carries ")
    assert "aivis.ticket.opened" in reason


def test_an_unknown_event_is_kept_out_as_unknown() -> None:
    unknown = EVENT._replace(type="aivis.ticket.eaten")
    assert "event type 'aivis.ticket.eaten' is unknown: it carries" in refused(received(unknown)).reason


def test_a_topic_that_nobody_reads_here_is_told() -> None:
    reason = refused(received(topic="aivis.tickets.old")).reason
    assert reason.endswith("this service does not read 'aivis.tickets.old': it reads aivis.tickets")


def test_a_reason_is_short_however_long_what_was_wrong() -> None:
    letter = refused(received()._replace(key=b"\xff" * 1_000_000))
    assert len(letter.reason) <= MAX_REASON
    many = refused(received()._replace(headers=(("ce_" + "x" * 500_000, b"\xff"),)))
    assert len(many.reason) <= MAX_REASON


@pytest.mark.parametrize("name", ["", "x" * 401, "a\x00b", "a\nb", "\x7f"])
def test_a_mailbox_key_that_a_database_cannot_keep_is_kept_out(name: str) -> None:
    admission = replace(ADMISSION, key_of=lambda head, value: Key(head.tenant, name))
    assert "must be 1 to 400 characters, none of control" in refused(received(), admission).reason


def test_a_service_has_the_last_look_and_may_pass_over_change_or_refuse() -> None:
    def refine(topic: topics.Topic, head: object, arrival: Arrival) -> Arrival | None:
        if arrival.event_id == "e2":
            return None
        if arrival.event_id == "e3":
            raise Invalid("not ours")
        return arrival._replace(event_id="mine")

    records = [received(EVENT._replace(id=id)) for id in ("e1", "e2", "e3")]
    arrivals, letters = replace(ADMISSION, refine=refine).sort(records)
    assert [arrival.event_id for arrival in arrivals] == ["mine"]
    assert [letter.reason for letter in letters] == ["not ours"]


RECORDS = st.builds(
    Received,
    topic=st.sampled_from([TICKETS.name, "other"]),
    where=st.just("x"),
    key=st.none() | st.binary(),
    headers=st.lists(
        st.tuples(st.sampled_from(["ce_id", "ce_type", "ce_tenant", "ce_subject"]) | st.text(), st.binary())
    )
    .map(tuple)
    .map(lambda extra: (*received().headers, *extra)),
    value=st.none() | st.binary(),
)


@given(st.lists(RECORDS))
def test_nothing_that_comes_in_raises(records: list[Received]) -> None:
    arrivals, letters = ADMISSION.sort(records)
    assert len(arrivals) + len(letters) == len(records)


# Letters, looked at anew.


def test_a_letter_that_has_become_good_is_let_in_as_it_would_have_been() -> None:
    letter = refused(received(), Admission({}))
    assert [ADMISSION.again(letter)] == ADMISSION.sort([received()])[0]


def test_a_letter_s_key_is_checked_too() -> None:
    with pytest.raises(Invalid, match="key b'acme/c2' is not tenant and case"):
        ADMISSION.again(refused(received()._replace(key=b"acme/c2")))
    with pytest.raises(Invalid, match="key b'' is not tenant and case"):
        ADMISSION.again(refused(received()._replace(key=None)))


def test_a_letter_of_what_was_let_in_before_has_no_key_to_check() -> None:
    record = encode(EVENT, TICKETS.name)
    letter = Letter(TICKETS.name, record.headers, record.value, "known with another body", "acme", "c1")
    assert ADMISSION.again(letter) is not None


def test_the_reason_of_a_letter_that_is_still_bad_names_the_letter() -> None:
    letter = replace(refused(received()._replace(value=None)), id=7)
    with pytest.raises(Invalid, match=r"^aivis\.tickets letter 7: the record has no value"):
        ADMISSION.again(letter)


def test_the_key_of_most_services_is_the_case() -> None:
    admission = replace(ADMISSION, key_of=case_key_of)
    assert admission.sort([received()])[0][0].key == Key("acme", "c1")
    assert orjson.loads(received().value or b"") == {"text": DATA.text, "author": "customer"}
