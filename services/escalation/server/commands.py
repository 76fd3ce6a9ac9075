"""An expert's command: durable first, carried out in a turn, answered when the turn has committed."""

from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic

import orjson

from aivis import identity
from aivis.errors import Transient
from aivis.events.envelope import Event, Payload, headers_of
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.values import Arrival, Key, Receipt
from aivis.problems import Problem
from services.escalation import entry, metrics
from services.escalation.consumer import SERVICE
from services.escalation.entry import Answer


async def command(mailbox: Mailbox, key: Key, data: Payload, *, given: str, seconds: float) -> tuple[str, Answer]:
    """Carry `data` out for the case; the command's id, and what came of it (202 when that is not known in time).

    `given` tells one command from another of the same content; a repeated one is answered as the first was.
    """
    if mailbox.full:
        raise Transient("too much is waiting to be worked on: try again in a moment, with the same Idempotency-Key")
    body = orjson.dumps(data.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    expert = getattr(data, "expert", "")
    id = identity.derived("command", *key, expert, data.TYPE, given)
    event = Event(
        id=id,
        type=data.TYPE,
        source=SERVICE,
        tenant=key.tenant,
        case=key.name,
        time=datetime.now(UTC),
        data=data,
        traceparent=_trace(key.name, id),
    )
    with mailbox.watch.on(key) as bell:
        [receipt] = await mailbox.receive([Arrival(id, key, "http", headers_of(event), body)])
        if receipt is Receipt.CONFLICT:
            detail = "this Idempotency-Key came before with another command: use a new one"
            raise Problem(HTTPStatus.CONFLICT, detail, field="Idempotency-Key")
        until = monotonic() + seconds
        while (found := await _answer(mailbox, key, id)) is None and monotonic() < until:
            await bell.wait(min(1.0, max(0.0, until - monotonic())))
    answer = found or Answer(status=202, detail="kept; it will be carried out in a moment")
    metrics.COMMANDS.labels(data.TYPE, str(answer.status)).inc()
    return id, answer


def made_up(data: Payload, version: str) -> str:
    """Tells commands apart that came without a key: the same content against the same state of the case is one."""
    content = orjson.dumps(data.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    return identity.derived(version, content.decode())


async def _answer(mailbox: Mailbox, key: Key, id: str) -> Answer | None:
    snapshot = await mailbox.store.read(key)
    return None if snapshot is None else entry.load(snapshot.state).answers.get(id)


def _trace(case: str, id: str) -> str | None:
    try:
        return identity.trace_parent(case, id)
    except ValueError:
        return None
