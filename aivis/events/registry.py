"""From a type's name to its model: how a record becomes an event again."""

import orjson
from pydantic import ValidationError

from aivis.errors import Invalid
from aivis.events import actions, cases, escalations, knowledge, plans, replies, tickets, timers
from aivis.events.envelope import Event, Head, Payload

_MODULES = (tickets, plans, actions, cases, replies, escalations, knowledge, timers)

PAYLOADS: dict[str, type[Payload]] = {
    kind.TYPE: kind
    for module in _MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Payload) and kind.__module__ == module.__name__
}
"""Every payload by its type's name."""

MAX_DEPTH = 64


def decode(headers: tuple[tuple[str, bytes], ...], value: bytes, *, where: str) -> Event:
    """The event in a record; `Invalid` says what is wrong, in which field, and where."""
    return with_body(Head.read(headers, where=where), value, where=where)


def with_body(head: Head, value: bytes, *, where: str) -> Event:
    """The event of `head` with the JSON body `value`."""
    data = payload(head.type, value, where=where)
    return Event(
        head.id, head.type, head.source, head.tenant, head.subject, head.time, data,
        head.causationid, head.sequence, head.reasked, head.traceparent,
    )  # fmt: skip


def payload(type_name: str, value: bytes, *, where: str) -> Payload:
    """The payload of `type_name` in the JSON bytes `value`."""
    kind = PAYLOADS.get(type_name)
    if kind is None:
        raise Invalid(f"{where}: event type {type_name!r} is unknown; known: {', '.join(sorted(PAYLOADS))}")
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{where}: {type_name}: the body is not JSON: {error}") from error
    if _may_be_deep(value) and _depth(document) > MAX_DEPTH:
        raise Invalid(f"{where}: {type_name}: the body nests deeper than {MAX_DEPTH} levels")
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise Invalid(f"{where}: {type_name}: {fault(error)}") from error


def fault(error: ValidationError) -> str:
    """The first fault of a validation: field and message."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "(body)"
    return f"field {field}: {first['msg']}"


def _may_be_deep(value: bytes) -> bool:
    """Whether JSON has brackets enough to be too deep: the cheaper look, and mostly enough."""
    return value.count(b"{") + value.count(b"[") > MAX_DEPTH


def _depth(document: object) -> int:
    level, depth = [document], 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [child for node in level for child in _children(node)]
    return depth


def _children(node: object) -> list[object]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [child for child in children if isinstance(child, dict | list)]
