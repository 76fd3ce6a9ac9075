"""What the gateway knows of a case: its ticket, how it stands, and what the reasoner has not been heard on yet."""

from datetime import datetime

import orjson

from aivis.access import AGENT
from aivis.events.envelope import Event, Value
from aivis.events.replies import OutcomeReached, OwnerChanged, Status, StatusChanged
from aivis.events.tickets import TicketOpened
from services.gateway.normalising import fingerprint

_ENDED = frozenset({Status.RESOLVED, Status.CLOSED})


class Ticket(Value):
    """A case as its upstream system may see it. Its log holds the conversation and every change."""

    ticket: str = ""
    source: str = ""
    customer: str = ""
    subject: str = ""
    says: str = ""
    """Fingerprint of subject and text."""
    opened_at: datetime | None = None
    """None: something was heard of the case before its ticket came in."""
    opening: str = ""
    """Id of the event on aivis.tickets that opened the case."""
    status: Status = Status.OPEN
    owner: str = AGENT
    outcome: OutcomeReached | None = None
    last: int = 0
    """Number of the latest entry of the log."""
    unheard: dict[str, int] = {}
    """Events on aivis.tickets that the case's log does not show yet, with their place in our log, oldest first."""
    asked: int = 0
    """How often in a row they were published again."""

    @property
    def opened(self) -> bool:
        return self.opened_at is not None


def load(state: bytes | None) -> Ticket:
    return Ticket() if state is None else Ticket.model_validate(orjson.loads(state))


def dump(ticket: Ticket) -> bytes:
    return orjson.dumps(ticket.model_dump(mode="json", exclude_defaults=True))


def begun(ticket: Ticket, data: TicketOpened, *, opening: str) -> Ticket:
    """The ticket is known now; `opening` is the id of the event that says so."""
    return ticket.model_copy(
        update={
            "ticket": data.ticket,
            "source": data.source,
            "customer": data.customer,
            "subject": data.subject,
            "says": fingerprint(data),
            "opened_at": data.opened_at,
            "opening": opening,
        }
    )


def published(ticket: Ticket, event: Event) -> Ticket:
    """`event` went out on aivis.tickets and was logged as the latest entry: wait to hear of it."""
    return ticket.model_copy(update={"unheard": {**ticket.unheard, event.id: ticket.last}})


def heard(ticket: Ticket, event: Event) -> Ticket:
    """The case spoke: it knows its ticket, and what `event` is or answers."""
    known = {ticket.opening, event.id, event.causation}
    unheard = {id: place for id, place in ticket.unheard.items() if id not in known}
    return ticket.model_copy(update={"unheard": unheard, "asked": ticket.asked if unheard else 0})


def told(ticket: Ticket, event: Event) -> Ticket:
    """How the case stands after `event` of aivis.replies."""
    match event.data:
        case StatusChanged(status=status):
            ended = status in _ENDED
            return ticket.model_copy(update={"status": status, "outcome": ticket.outcome if ended else None})
        case OwnerChanged(owner=owner):
            return ticket.model_copy(update={"owner": owner})
        case OutcomeReached() as outcome:
            return ticket.model_copy(update={"outcome": outcome})
        case _:
            return ticket
