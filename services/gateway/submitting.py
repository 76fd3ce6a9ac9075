"""From a request's envelope to the submission that enters the inbox. Pure."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import orjson
from pydantic import ValidationError

from aivis import identity
from aivis.access import Grant
from aivis.events import registry
from aivis.events.envelope import MAX_PAYLOAD_BYTES, Event, JsonObject
from aivis.problems import Problem
from services.gateway.cloudevents import Envelope
from services.gateway.normalising import Submitted

_TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_ROOM = 4 * 1024
"""What the normalised event may have more than the submission."""


@dataclass(frozen=True)
class Submission:
    """A submission, checked: what is left is to make it durable."""

    event: Event
    """Its case is the ticket's id in its own system, as on aivis.intake.SOURCE."""
    value: bytes
    """The body, in one form for one content."""
    id: str
    """The event's id as the sender gave it, or as it was made up."""


def submission(kind: type[Submitted], envelope: Envelope, who: Grant, *, ticket: str, now: datetime) -> Submission:
    """The submission of `kind` in `envelope`; `ticket` is the address's, or empty. A `Problem` names the field."""
    _belongs(envelope, kind, who.tenants[0])
    document = dict(envelope.data)
    id = envelope.id or _made_up(kind, document, ticket)
    if isinstance(document.get("ticket", ""), str):
        document["ticket"] = _ticket(document, envelope, ticket) or id
    data = _checked(kind, document)
    value = orjson.dumps(data.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    if len(value) > MAX_PAYLOAD_BYTES - _ROOM:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{kind.TYPE} is {len(value)} bytes; at most {MAX_PAYLOAD_BYTES - _ROOM} are taken:"
            " send what is long by POST /v1/attachments and name it in attachments",
        )
    return Submission(_event(data, envelope, who, id=id, now=now), value, id)


def _made_up(kind: type[Submitted], document: JsonObject, ticket: str) -> str:
    """The id of a submission that came without one: the same content twice is one event."""
    content = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    return identity.derived("content", kind.TYPE, ticket, hashlib.sha256(content).hexdigest())


def _event(data: Submitted, envelope: Envelope, who: Grant, *, id: str, now: datetime) -> Event:
    """Ids are unique per CloudEvents source: another one than the key's own gives the id a name of its own."""
    foreign = envelope.source not in ("", who.source)
    return Event(
        id=identity.derived("cloudevent", envelope.source, id) if foreign else id,
        type=data.TYPE,
        source=who.source,
        tenant=who.tenants[0],
        case=data.ticket,
        time=envelope.time or now,
        data=data,
        traceparent=envelope.traceparent if _TRACE.fullmatch(envelope.traceparent) else None,
    )


def _belongs(envelope: Envelope, kind: type[Submitted], tenant: str) -> None:
    if envelope.type not in ("", kind.TYPE):
        detail = f"type is {envelope.type!r}: this address takes {kind.TYPE}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field="type")
    if envelope.tenant not in ("", tenant):
        detail = (
            f"tenant is {envelope.tenant!r}, but this key is tenant {tenant}'s: leave it out, or use that tenant's key"
        )
        raise Problem(HTTPStatus.FORBIDDEN, detail, field="tenant")


def _ticket(document: JsonObject, envelope: Envelope, ticket: str) -> str:
    """The ticket's id: the address's, else the body's, else the envelope's subject; they may not differ."""
    said = {
        field: value
        for field, value in (("ticket", document.get("ticket")), ("subject", envelope.subject))
        if isinstance(value, str) and value
    }
    found = ticket or next(iter(said.values()), "")
    for field, value in said.items():
        if value != found:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"{field} is {value!r}, but the {'address' if ticket else 'body'} speaks of ticket {found!r}",
                field=field,
            )
    if not found.isprintable():
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "ticket has control characters", field="ticket")
    return found


def _checked(kind: type[Submitted], document: JsonObject) -> Submitted:
    try:
        data = kind.model_validate(document)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{kind.TYPE}: {registry.fault(error)}", field=field) from error
    text = getattr(data, "text", None)
    if text is not None and not text.strip():
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "text is empty: say what the matter is", field="text")
    return data
