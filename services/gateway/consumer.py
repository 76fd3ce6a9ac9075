"""The gateway's mailbox: what may enter, and what a turn does with it."""

from collections.abc import Mapping
from datetime import timedelta

from aivis import identity, topics
from aivis.admission import Refine
from aivis.errors import Invalid
from aivis.events import registry
from aivis.events.envelope import Event, Head, Past
from aivis.events.tickets import TicketSubmitted
from aivis.events.timers import TimerDue
from aivis.mailbox.ports import Store
from aivis.mailbox.telling import lost
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Arrival, Key, Step
from aivis.topics import Topic
from services.gateway import asking, metrics, normalising
from services.gateway.draft import Draft
from services.gateway.normalising import SERVICE

_TICKETS = frozenset(kind.TYPE for kind in topics.TICKETS.events)
_PAGE = 500
_LONGEST_PATIENCE = 30.0
"""Seconds between two looks for the ticket of a message that came before it."""


def inbox_id(source: str, event_id: str) -> str:
    """Under which id a submission is kept: event ids are unique within their source, not across."""
    return identity.derived("submission", source, event_id)


def refine(sources: Mapping[str, str]) -> Refine:
    """What may enter: submissions of a source for its own tenant, replies, and of the case's log its tickets' part."""

    def admitted(topic: Topic, head: Head, arrival: Arrival) -> Arrival | None:
        if topic.name.startswith(topics.INTAKE_PREFIX):
            source = topic.name.removeprefix(topics.INTAKE_PREFIX)
            return _submitted(source, sources[source], head, arrival)
        if topic is topics.CASE_EVENTS and head.type not in _TICKETS:
            return None
        return arrival

    return admitted


def _submitted(source: str, tenant: str, head: Head, arrival: Arrival) -> Arrival:
    """A submission under its case's key. A source speaks for itself and its own tenant only."""
    where = f"{arrival.topic} {head.id}"
    if head.source != source:
        raise Invalid(f"{where}: ce_source is {head.source!r}: on this topic it must be {source!r}")
    if head.tenant != tenant:
        raise Invalid(
            f"{where}: ce_tenant is {head.tenant!r}, but source {source} is tenant {tenant}'s:"
            " correct the sender, or AIVIS_GATEWAY_SOURCES"
        )
    if not head.subject.isprintable():
        raise Invalid(f"{where}: ce_subject {head.subject!r} has control characters: it must be the ticket's id")
    case = identity.case_id(tenant, source, head.subject)
    return arrival._replace(event_id=inbox_id(source, head.id), key=Key(tenant, case))


class Gateway:
    """Handles a case's turn."""

    def __init__(self, store: Store, ask_again: timedelta) -> None:
        self._store = store
        self._ask_again = ask_again

    async def handle(self, turn: Turn) -> Step:
        patience = min(0.5 * 2.0 ** min(turn.attempts, 10), _LONGEST_PATIENCE)
        known = await self._known(turn.key) if turn.restored is not None else ()
        draft = Draft(turn.state, turn.key, turn.now(), patience=patience, known=known)
        due = False
        for event in turn.events:
            if event.past is Past.SAID:
                draft.recall(event)
        for event in normalising.in_order([event for event in turn.events if event.past is not Past.SAID]):
            if isinstance(event.data, TimerDue):
                due = True
            else:
                draft.take_in(event)
        if due and draft.ticket.unheard:
            missed = await self._missed(turn.key, draft.ticket.unheard)
            draft.ask_again(missed, self._ask_again)
            metrics.ASKED_AGAIN.inc(len(missed))
        return draft.step(self._ask_again)

    def give_up(self, turn: Turn, reason: str) -> Step:
        """Whatever it is about, a person sees it on the case, even where that has not begun."""
        customers = [event.data.customer for event in turn.events if isinstance(event.data, TicketSubmitted)]
        customer = customers[0] if customers else ""
        return Step(publish=(lost(turn, reason, service=SERVICE, case=turn.key.name, customer=customer),))

    def interrupts(self, event_type: str) -> bool:
        return False

    async def _known(self, key: Key) -> set[str]:
        """What the case's log has, by id."""
        found: set[str] = set()
        last = 0
        while rows := await self._store.log(key, after=last, limit=_PAGE):
            found |= {row.event_id for row in rows}
            last = rows[-1].sequence
        return found

    async def _missed(self, key: Key, unheard: Mapping[str, int]) -> list[Event]:
        """The oldest events that went out and were not heard of, from the log."""
        found: list[Event] = []
        for place in sorted(unheard.values())[: asking.AT_ONCE]:
            rows = await self._store.log(key, after=place - 1, limit=1)
            found += [registry.decode(row.headers, row.value, where=f"log of {key.name}") for row in rows]
        return found
