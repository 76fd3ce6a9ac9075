"""CloudEvents 1.0 over HTTP: structured, binary, or plain JSON without any envelope. Pure."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import unquote

import orjson
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from aivis.events.envelope import JsonObject, Value
from aivis.problems import Problem

STRUCTURED = "application/cloudevents+json"
JSON = "application/json"
_ATTRIBUTES = ("id", "source", "type", "subject", "tenant", "traceparent")
_LONGEST = 200
_TIME: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)


class Envelope(Value):
    """What came with the body, in any of the forms; empty where it was not said. Plain JSON has an Idempotency-Key."""

    id: str = ""
    source: str = ""
    type: str = ""
    subject: str = ""
    tenant: str = ""
    traceparent: str = ""
    time: datetime | None = None
    data: JsonObject


def read(headers: Mapping[str, str], body: bytes) -> Envelope:
    """The event in a request; a `Problem` names the header or attribute at fault. Header names are lower-case."""
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == STRUCTURED:
        return _structured(headers, _object(body))
    if media != JSON:
        accepted = f"{JSON}, {STRUCTURED}"
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type {media or '(none)'!r} is not taken here: send one of {accepted}",
            headers={"accept-post": accepted},
        )
    if any(name.startswith("ce-") for name in headers):
        return _binary(headers, _object(body))
    given = _text("Idempotency-Key", headers.get("idempotency-key", ""))
    return Envelope(id=given, data=_object(body), traceparent=headers.get("traceparent", ""))


def _structured(headers: Mapping[str, str], event: JsonObject) -> Envelope:
    attributes = {name: event[name] for name in (*_ATTRIBUTES, "specversion", "time") if name in event}
    data = _object(_decoded(event["data_base64"])) if "data_base64" in event else event.get("data")
    if not isinstance(data, dict):
        _refuse("data", "must be a JSON object")
    return _envelope(attributes, data, headers, prefix="")


def _binary(headers: Mapping[str, str], data: JsonObject) -> Envelope:
    attributes = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    return _envelope(attributes, data, headers, prefix="ce-")


def _envelope(attributes: JsonObject, data: JsonObject, headers: Mapping[str, str], *, prefix: str) -> Envelope:
    if attributes.get("specversion") != "1.0":
        _refuse(f"{prefix}specversion", f"is {attributes.get('specversion')!r}: CloudEvents 1.0 is understood")
    for name in ("id", "source", "type"):
        if not attributes.get(name):
            _refuse(prefix + name, "is missing: CloudEvents require it")
    found = {name: _text(prefix + name, attributes[name]) for name in _ATTRIBUTES if name in attributes}
    found.setdefault("traceparent", headers.get("traceparent", ""))
    return Envelope(**found, data=data, time=_time(prefix, attributes.get("time")))


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
        _refuse(field, f"must be a printable string of at most {_LONGEST} characters")
    return value


def _time(prefix: str, value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        return _TIME.validate_python(value).astimezone(UTC)
    except ValidationError:
        _refuse(f"{prefix}time", "must be an RFC 3339 time with its offset, as 2026-01-31T12:00:00Z")


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        _refuse("data_base64", "must be base64 text")


def _object(body: bytes) -> JsonObject:
    """The JSON object in `body`."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the body must be a JSON object", field="(body)")
    return document


def _refuse(field: str, what: str) -> NoReturn:
    raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{field} {what}", field=field)
