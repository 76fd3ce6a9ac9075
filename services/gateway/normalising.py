"""From what upstream systems say to what the reasoner hears. Pure: the same submission gives the same events."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_never

from aivis import identity
from aivis.errors import Invalid
from aivis.events.envelope import Event, Payload
from aivis.events.tickets import (
    MessageSubmitted,
    StateSubmitted,
    TicketClosed,
    TicketEdited,
    TicketMessageAdded,
    TicketOpened,
    TicketReopened,
    TicketSubmitted,
    TicketWithdrawn,
)

SERVICE = "gateway"
Submitted = TicketSubmitted | MessageSubmitted | StateSubmitted

_SENT_AT = datetime(2000, 1, 1, tzinfo=UTC)
"""A time before this was not given: the sender's clock, or its event, has none."""


def submission(event: Event) -> Submitted:
    """What `event` submits; `Invalid` when it speaks of another ticket than its envelope."""
    data = event.data
    if not isinstance(data, TicketSubmitted | MessageSubmitted | StateSubmitted):
        raise Invalid(f"{event.type} {event.id} is nothing that upstream systems submit")
    if data.ticket != event.case:
        raise Invalid(
            f"{event.type} {event.id} of {event.source}: field ticket is {data.ticket!r}, ce_subject {event.case!r}:"
            " both must be the ticket's id in its own system"
        )
    return data


def opened(event: Event, data: TicketSubmitted, now: datetime) -> TicketOpened:
    """The ticket as its case begins with it."""
    return TicketOpened(
        ticket=data.ticket,
        source=event.source,
        customer=data.customer,
        subject=data.subject,
        text=data.text,
        attributes=data.attributes,
        attachments=data.attachments,
        opened_at=event.time if event.time > _SENT_AT else now,
    )


def followed(data: Submitted) -> Payload:
    """What a submission means to a case that is already open."""
    match data:
        case TicketSubmitted():
            return TicketEdited(subject=data.subject, text=data.text)
        case MessageSubmitted():
            return TicketMessageAdded(text=data.text, author=data.author)
        case StateSubmitted(state="closed"):
            return TicketClosed(reason=data.reason)
        case StateSubmitted(state="reopened"):
            return TicketReopened(text=data.reason)
        case StateSubmitted():
            return TicketWithdrawn(reason=data.reason)
        case _:
            assert_never(data)


def outgoing(event: Event, data: Payload, case: str, now: datetime) -> Event:
    """The event on aivis.tickets that the submission `event` becomes."""
    return Event(
        id=identity.derived("ticket-event", event.tenant, event.source, event.id),
        type=data.TYPE,
        source=SERVICE,
        tenant=event.tenant,
        case=case,
        time=now,
        data=data,
        causation=event.id,
        traceparent=event.traceparent or identity.trace_parent(case, event.id),
    )


def fingerprint(data: TicketSubmitted | TicketOpened | TicketEdited) -> str:
    """Tells whether a ticket that comes in again says something else."""
    return identity.derived("ticket-text", data.subject, data.text)


def in_order(events: Sequence[Event]) -> list[Event]:
    """Tickets before what builds on them; otherwise as they came."""
    return sorted(events, key=lambda event: not isinstance(event.data, TicketSubmitted))
