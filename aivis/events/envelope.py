"""The envelope every event travels in: CloudEvents 1.0, and what Aivis adds to it."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Self

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from aivis import identity
from aivis.errors import Invalid

JsonObject = dict[str, Any]
"""A JSON object as orjson reads it."""

MAX_PAYLOAD_BYTES = 256 * 1024
"""Anything larger travels by reference to the artifact store."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Value(BaseModel):
    """A value of the contracts: frozen, and deaf to fields of later releases."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Payload(Value):
    """What an event says. Each kind names its type once, in `TYPE`."""

    TYPE: ClassVar[str]


class Past(StrEnum):
    """What an event is to a service whose database was restored to an older point, and which reads the bus again."""

    HEARD = "heard"
    """It was there to be read before: the service may have acted on it."""
    SAID = "said"
    """The service's own word: so it had decided."""


class Event(NamedTuple):
    """One event: who said what about which case, and why."""

    id: str
    type: str
    source: str
    """The service, or the upstream source, that speaks."""
    tenant: str
    case: str
    time: datetime
    data: Payload
    causation: str | None = None
    """Id of the event that this one answers."""
    sequence: int | None = None
    """Place in the case's log, on `aivis.case-events`."""
    reasked: bool = False
    """Sent again because its answer is late: the receiver repeats what it answered before."""
    traceparent: str | None = None
    """W3C trace context: one trace per case."""
    past: Past | None = None
    """Never travels: see `Past`."""

    @property
    def key(self) -> str:
        return identity.case_key(self.tenant, self.case)

    def answer(self, data: Payload, *, id: str, source: str, time: datetime) -> "Event":
        """The event that answers this one: same tenant, case and trace."""
        return Event(
            id=id,
            type=data.TYPE,
            source=source,
            tenant=self.tenant,
            case=self.case,
            time=time,
            data=data,
            causation=self.id,
            traceparent=self.traceparent,
        )


class Record(NamedTuple):
    """An event as Kafka carries it: CloudEvents binary mode."""

    topic: str
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


class Head(Value):
    """The attributes of an event, read from the headers alone."""

    id: str = Field(min_length=1, max_length=200)
    type: str = Field(min_length=1, max_length=200)
    source: str = Field(min_length=1, max_length=200)
    subject: str = Field(min_length=1, max_length=200)
    tenant: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")
    time: AwareDatetime = datetime.fromtimestamp(0, UTC)
    causationid: str | None = Field(default=None, max_length=200)
    sequence: int | None = Field(default=None, ge=0, lt=2**53)
    reasked: bool = False
    traceparent: str | None = None

    @classmethod
    def read(cls, headers: tuple[tuple[str, bytes], ...], *, where: str) -> Self:
        """The attributes, or `Invalid` naming `where` and the attribute at fault. Other headers are passed over."""
        try:
            return cls.model_validate(_attributes(headers, where))
        except ValidationError as error:
            first = error.errors()[0]
            attribute = ".".join(str(part) for part in first["loc"])
            raise Invalid(f"{where}: CloudEvents header ce_{attribute}: {first['msg']}") from error


def _attributes(headers: tuple[tuple[str, bytes], ...], where: str) -> dict[str, str]:
    """CloudEvents attributes by name; a trace context that is none is dropped, as W3C asks."""
    found: dict[str, str] = {}
    name = ""
    try:
        for name, value in headers:
            if (attribute := _ATTRIBUTES.get(name)) is not None:
                if attribute in found:
                    raise Invalid(f"{where}: CloudEvents header {name}: given twice")
                found[attribute] = value.decode()
            elif name == _TRACE and _TRACE_PARENT.fullmatch(trace := value.decode("ascii", "replace")):
                found[_TRACE] = trace
    except UnicodeDecodeError as error:
        raise Invalid(f"{where}: CloudEvents header {name}: not UTF-8: {error.reason}") from error
    if not "".join(found.values()).isprintable():  # cheaper than to look at each, and mostly enough
        _check_control(found, where)
    return found


def _check_control(attributes: dict[str, str], where: str) -> None:
    for attribute, text in attributes.items():
        if _CONTROL.search(text):
            raise Invalid(f"{where}: CloudEvents header ce_{attribute}: has control characters")


_TRACE = "traceparent"
_ATTRIBUTES = {f"ce_{name}": name for name in Head.model_fields if name != _TRACE}
"""The headers that are read, with the attribute that each carries; the trace context has a header of its own."""


def headers_of(event: Event) -> tuple[tuple[str, bytes], ...]:
    """The CloudEvents headers of `event`, binary mode."""
    attributes = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.id.encode()),
        ("ce_type", event.type.encode()),
        ("ce_source", event.source.encode()),
        ("ce_subject", event.case.encode()),
        ("ce_time", event.time.isoformat().encode()),
        ("ce_tenant", event.tenant.encode()),
    ]
    if event.causation is not None:
        attributes.append(("ce_causationid", event.causation.encode()))
    if event.sequence is not None:
        attributes.append(("ce_sequence", b"%d" % event.sequence))
    if event.reasked:
        attributes.append(("ce_reasked", b"true"))
    if event.traceparent is not None:
        attributes.append(("traceparent", event.traceparent.encode()))
    attributes.append(("content-type", b"application/json"))
    return tuple(attributes)


def encode(event: Event, topic: str) -> Record:
    """`event` as a record for `topic`; `Invalid` when it is larger than a record may be."""
    value = body(event.data)
    if len(value) > MAX_PAYLOAD_BYTES:
        raise Invalid(
            f"{topic}: {event.type} {event.id} is {len(value)} bytes, over the {MAX_PAYLOAD_BYTES} a record may have:"
            " put what is large into the artifact store and send its reference"
        )
    return Record(topic, event.key.encode(), headers_of(event), value)


def body(data: Payload) -> bytes:
    """The JSON body of a payload."""
    return orjson.dumps(data.model_dump(mode="json"))
