"""Telling people of messages that were given up on: an escalation of the case that they are about."""

from aivis import identity, topics
from aivis.events import envelope
from aivis.events.envelope import Event, Head
from aivis.events.escalations import CaseEscalated, EscalationReason, Summary
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Outgoing

_MOST_SHOWN = 10
_MOST_CHARACTERS = 600
"""Of what a message says: enough to know it by; the letter has all of it."""


def lost(turn: Turn, reason: str, *, service: str, case: str, customer: str = "") -> Outgoing:
    """The escalation of `case`, in which people learn what `service` gave up on in `turn`, and how to mend it.

    The same turn gives the same escalation; a message that is put back and buried anew gives another.
    """
    data = escalated(turn, reason, service=service, customer=customer)
    first = next(iter(turn.about), None)
    event = Event(
        id=identity.derived(data.escalation, topics.ESCALATIONS.name),
        type=data.TYPE,
        source=service,
        tenant=turn.key.tenant,
        case=case,
        time=turn.now(),
        data=data,
        causation=first.id if first else None,
        traceparent=first.traceparent if first else None,
    )
    return Outgoing(topics.ESCALATIONS.name, event)


def escalated(turn: Turn, reason: str, *, service: str, customer: str = "") -> CaseEscalated:
    """What people are told."""
    tenant, name = turn.key
    what = list(dict.fromkeys(each.type for each in turn.about)) or ["a message"]
    mend = f"aivis dead list --service {service} --tenant {tenant} --key {name}"
    return CaseEscalated(
        escalation=identity.derived("lost", service, tenant, name, turn.version),
        reason=EscalationReason.FAULT,
        summary=Summary(
            problem=f"The {service} gave up on {', '.join(what)}: {reason}",
            known=(
                *[_event(event) for event in turn.events[:_MOST_SHOWN]],
                *[_head(head) for head in turn.unread[:_MOST_SHOWN]],
                f"Nothing of it has reached the case. An operator finds it by `{mend}`, and puts it back once mended.",
            ),
        ),
        customer=customer,
    )


def _event(event: Event) -> str:
    said = envelope.body(event.data).decode()
    return f"{event.type} {event.id} of {event.source}: {said}"[:_MOST_CHARACTERS]


def _head(head: Head) -> str:
    return f"{head.type} {head.id} of {head.source}: it cannot be read"
