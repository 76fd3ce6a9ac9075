import base64
from datetime import UTC, datetime
from http import HTTPStatus

import orjson
import pytest

from aivis.access import Grant, Role, fingerprint
from aivis.events.envelope import JsonObject
from aivis.events.tickets import MessageSubmitted, TicketSubmitted
from aivis.problems import Problem
from services.gateway import cloudevents
from services.gateway.normalising import Submitted
from services.gateway.submitting import Submission, submission

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
DESK = Grant(name="desk", role=Role.UPSTREAM, tenants=("acme",), source="desk", sha256=fingerprint("k"))
DATA = {"ticket": "T-1", "customer": "c-7", "text": "SSH times out."}
EVENT = {"specversion": "1.0", "id": "e1", "source": "desk", "type": TicketSubmitted.TYPE, "data": DATA}
CE = {"ce-specversion": "1.0", "ce-id": "e1", "ce-source": "desk", "ce-type": TicketSubmitted.TYPE}


def sent(
    headers: dict[str, str], document: object, kind: type[Submitted] = TicketSubmitted, ticket: str = ""
) -> Submission:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return submission(kind, cloudevents.read(headers, body), DESK, ticket=ticket, now=NOW)


def structured(**changes: object) -> Submission:
    return sent({"content-type": "application/cloudevents+json; charset=utf-8"}, EVENT | changes)


def binary(**changes: str) -> Submission:
    return sent({"content-type": "application/json"} | CE | changes, DATA)


def plain(document: object = DATA, **headers: str) -> Submission:
    return sent({"content-type": "application/json"} | headers, document)


def test_the_three_forms_of_one_event_are_one_submission() -> None:
    keyed = plain(**{"idempotency-key": "e1"})
    encoded = base64.b64encode(orjson.dumps(DATA)).decode()
    without = {name: value for name, value in EVENT.items() if name != "data"}
    coded = sent({"content-type": cloudevents.STRUCTURED}, without | {"data_base64": encoded})

    assert structured() == binary() == keyed == coded
    assert keyed.event.data == TicketSubmitted(ticket="T-1", customer="c-7", text="SSH times out.")


def test_the_order_of_fields_makes_no_other_body() -> None:
    assert plain(dict(reversed(DATA.items()))).value == plain().value


def test_content_without_an_id_has_the_id_of_its_content() -> None:
    assert plain().id == plain().id
    assert plain().id != plain(DATA | {"text": "HTTP times out."}).id


def test_a_ticket_without_an_id_takes_its_event_s() -> None:
    nameless = {name: value for name, value in DATA.items() if name != "ticket"}

    assert plain(nameless, **{"idempotency-key": "k-9"}).event.case == "k-9"
    assert binary(**{"ce-subject": "T-1"}).event.case == "T-1"


def test_ids_of_two_cloudevents_sources_under_one_key_stay_apart() -> None:
    assert structured().event.id != structured(source="https://elsewhere.example").event.id


def test_an_event_s_own_time_and_trace_are_kept() -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    event = structured(time="2026-02-01T10:00:00+02:00", traceparent=trace).event

    assert event.time == datetime(2026, 2, 1, 8, 0, tzinfo=UTC)
    assert event.traceparent == trace


def test_a_trace_that_is_none_is_left_out() -> None:
    assert structured(traceparent="0-1-2").event.traceparent is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"id": ""}, "id"),
        ({"id": "x" * 201}, "id"),
        ({"id": 7}, "id"),
        ({"source": None}, "source"),
        ({"type": "aivis.intake.message"}, "type"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2026-02-01T10:00:00"}, "time"),
        ({"data": [1]}, "data"),
        ({"data_base64": "%%%"}, "data_base64"),
        ({"subject": "T-2"}, "subject"),
        ({"data": DATA | {"text": ""}}, "text"),
        ({"data": DATA | {"text": " \n"}}, "text"),
        ({"data": DATA | {"text": "x" * 100_001}}, "text"),
        ({"data": DATA | {"ticket": 4711}}, "ticket"),
        ({"data": DATA | {"ticket": "T\x00"}}, "ticket"),
        ({"data": {"ticket": "T-1", "text": "hi"}}, "customer"),
        ({"data": DATA | {"attributes": {"zone": {"deep": 1}}}}, "attributes.zone"),
        ({"data": DATA | {"attachments": [{"digest": "x"}]}}, "attachments.0.size"),
    ],
)
def test_a_field_at_fault_is_named(changes: JsonObject, field: str) -> None:
    with pytest.raises(Problem) as caught:
        structured(**changes)

    assert (caught.value.status, caught.value.field) == (HTTPStatus.UNPROCESSABLE_ENTITY, field)


def test_a_header_at_fault_is_named_as_the_header() -> None:
    with pytest.raises(Problem) as caught:
        binary(**{"ce-type": ""})

    assert caught.value.field == "ce-type"


@pytest.mark.parametrize("body", [b"", b"{", b'{"text": "\xff"}', b'{"text": "\\ud800"}', b"[" * 100_000])
def test_a_broken_body_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        plain(body)

    assert caught.value.status is HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("media", ["", "text/plain", "application/cloudevents-batch+json", "application/xml"])
def test_another_content_type_is_refused_with_those_that_are_taken(media: str) -> None:
    with pytest.raises(Problem, match="application/json, application/cloudevents\\+json") as caught:
        sent({"content-type": media}, DATA)

    assert caught.value.status is HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def test_another_tenant_than_the_key_s_is_forbidden() -> None:
    with pytest.raises(Problem, match="this key is tenant acme's") as caught:
        structured(tenant="globex")

    assert caught.value.status is HTTPStatus.FORBIDDEN


def test_a_text_that_no_record_could_carry_is_too_large() -> None:
    with pytest.raises(Problem, match="POST /v1/attachments") as caught:
        plain(DATA | {"text": "字" * 100_000})

    assert caught.value.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_a_message_belongs_to_the_address_s_ticket() -> None:
    headers = {"content-type": "application/json"}

    assert sent(headers, {"text": "And?"}, MessageSubmitted, "T-1").event.case == "T-1"
    with pytest.raises(Problem, match="the address speaks of ticket 'T-1'"):
        sent(headers, {"text": "And?", "ticket": "T-2"}, MessageSubmitted, "T-1")
