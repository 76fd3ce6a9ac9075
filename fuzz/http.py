"""What comes by HTTP: tickets and CloudEvents, experts' words and forms, operators' requests, documents, sessions."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from starlette.requests import Request

from aivis import dead_letters, web
from aivis.access import Grant, Role
from aivis.events.tickets import MessageSubmitted, StateSubmitted, TicketSubmitted
from fuzz.harness import Harness, headed, with_head
from services.escalation import sessions
from services.escalation.entry import Approval, Entry
from services.escalation.server import api, console
from services.escalation.server.wording import OF_A_CASE, Word, of_an_action
from services.executor import server as executor_server
from services.executor import stops
from services.gateway import cloudevents, submitting
from services.gateway.server import streaming
from services.retriever import intake

_NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_WHO = Grant(name="desk", role=Role.UPSTREAM, tenants=("acme",), source="desk", sha256="0" * 64)
_SECRET = b"s" * 40
_LOOP = asyncio.new_event_loop()
_CASE = Entry(
    approvals=(
        Approval(
            action="a", tool="t.t", arguments={}, digest="d", risk="reversible", reason="because", asked_at=_NOW,
            expires_at=_NOW,
        ),
    )
)  # fmt: skip


def _request(data: bytes) -> Request:
    """A request whose first header is its path's id and query: `:address: ID?QUERY`."""
    headers, body = headed(data)
    id, _, query = (headers[0][1] if headers else b"").partition(b"?")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {
        "type": "http", "method": "POST", "path": "/", "query_string": query,
        "path_params": {"id": id.decode("latin-1")},
        "headers": [(name.lower().encode("latin-1"), value) for name, value in headers[1:]],
    }  # fmt: skip
    return Request(scope, receive)


def _run(call: Any) -> Any:
    return _LOOP.run_until_complete(call)


def _submission(data: bytes) -> None:
    request = _request(data)
    envelope = cloudevents.read(request.headers, _run(request.body()))
    for kind in (TicketSubmitted, MessageSubmitted, StateSubmitted):
        submitting.submission(kind, envelope, _WHO, ticket="", now=_NOW)


def _submissions() -> Sequence[bytes]:
    ticket = {"customer": "mia", "subject": "Dark", "text": "The lamp is dark.", "ticket": "T-1", "state": "closed"}
    event = {"specversion": "1.0", "id": "1", "source": "desk", "type": TicketSubmitted.TYPE, "data": ticket}
    binary = [("ce-specversion", b"1.0"), ("ce-id", b"1"), ("ce-source", b"desk"), ("ce-type", b"x"),
              ("ce-time", b"2026-01-31T12:00:00Z")]  # fmt: skip
    place, body = (":address", b"T-1"), orjson.dumps(ticket)
    json, structured = ("content-type", b"application/json"), ("content-type", b"application/cloudevents+json")
    return [
        with_head([place, json, ("idempotency-key", b"k")], body),
        with_head([place, structured], orjson.dumps(event)),
        with_head([place, structured], orjson.dumps({**event, "data": None, "data_base64": "e30=", "time": "x"})),
        with_head([place, json, *binary], body),
    ]


def _word(data: bytes) -> None:
    request = _request(data)
    verb = request.path_params["id"]
    for said in (_run(api._said(request)), console._said(_run(console._form(_request(data))))):
        if verb in OF_A_CASE:
            OF_A_CASE[verb](said, "ada")
        else:
            of_an_action(Word(verb, "a", said, "ada"), _CASE)


def _words() -> Sequence[bytes]:
    json = ("content-type", b"application/json")
    bodies = {
        b"approve": b'{"digest":"d"}', b"deny": b'{"reason":"no"}', b"settle": b'{"happened":true}',
        b"guide": b'{"text":"look","inputs":{"port":22}}', b"answer": b'{"text":"so"}', b"judge": b'{"about":"x"}',
    }  # fmt: skip
    forms = [with_head([(":address", b"guide"), json], b"text=look&inputs=port+%3D+22&ends=yes")]
    return [*forms, *[with_head([(":address", verb), json], body) for verb, body in bodies.items()]]


def _operator(data: bytes) -> None:
    request = _request(data)
    body = _run(request.body())
    for call in (
        lambda: dead_letters._read(dead_letters._Retry, body),
        lambda: dead_letters._read(dead_letters._Drop, body),
        lambda: dead_letters._wanted(request),
        lambda: dead_letters._id(request),
        lambda: executor_server._checked(stops.Stop, body),
        lambda: executor_server._checked(stops.Freeze, body).window,
        lambda: executor_server._number(request.query_params.get("limit", "1"), "limit"),
        lambda: stops.read("acme", request.path_params["id"]),
        lambda: web.number(request, "after", 0, most=2**31),
        lambda: streaming._resume_after(request),
        lambda: api._places(request),
        lambda: api._since(request),
        lambda: intake._published(body, request.path_params["id"]),
    ):
        _refused_or_done(call)


def _refused_or_done(call: Any) -> None:
    try:
        call()
    except HARNESSES[0].errors:
        return


def _operators() -> Sequence[bytes]:
    address = b"7?limit=3&after=1&since=60&older_than=1&kind=buried&before=9&status=open&days=3"
    head = [(":address", address), ("last-event-id", b"12")]
    document = {"document": "7", "title": "t", "text": "x", "source": "s", "language": "en",
                "media_type": "text/markdown"}  # fmt: skip
    freeze = {"ends": "2126-01-01T00:00:00Z", "begins": "2125-01-01T00:00:00Z", "reason": "r", "tool": "t.t"}
    return [
        with_head(head, orjson.dumps(each))
        for each in ({"ids": [1, 2], "seconds": 3}, {"ids": [1], "by": "x"}, freeze, document)
    ]


def _session(data: bytes) -> None:
    """A cookie; what it says is only read where we have signed it."""
    token = data.decode("latin-1")
    sessions._decode(token.partition(".")[0])
    if (session := sessions.resume(token, now=_NOW, secret=_SECRET)) is not None:
        sessions.form_is_ours(token, session, _SECRET)


def _sessions() -> Sequence[bytes]:
    return [sessions.begin("ada", now=_NOW, lasts=timedelta(hours=1), secret=_SECRET).token.encode()]


HARNESSES = (
    Harness(
        "submissions",
        "tickets by HTTP: plain JSON, CloudEvents structured and binary",
        _submission,
        (
            "services/gateway/cloudevents.py:_decoded", "services/gateway/cloudevents.py:_object",
            "services/gateway/cloudevents.py:_time", "services/gateway/submitting.py:_checked",
        ),
        _submissions,
    ),
    Harness(
        "words",
        "experts' words: JSON and forms",
        _word,
        (
            "services/escalation/server/api.py:_said", "services/escalation/server/console.py:_form",
            "services/escalation/server/wording.py:_made",
        ),
        _words,
    ),
    Harness(
        "operators",
        "operators' requests, queries, places in streams, documents by HTTP",
        _operator,
        (
            "aivis/dead_letters.py:_read", "services/executor/server.py:_checked",
            "services/retriever/intake.py:_published",
        ),
        _operators,
    ),
    Harness("sessions", "cookies of the pages", _session, ("services/escalation/sessions.py:_decode",), _sessions),
)  # fmt: skip
