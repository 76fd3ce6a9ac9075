"""The reasoner's mailbox handler: events in, one step out."""

from collections.abc import Awaitable, Callable, Sequence

from aivis.events import escalations, tickets
from aivis.events.envelope import Event
from aivis.events.escalations import EscalationReason
from aivis.events.timers import TimerDue
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Step
from services.reasoner import folding, metrics
from services.reasoner.advancing import Means, advance
from services.reasoner.draft import Draft
from services.reasoner.ending import give_to_person
from services.reasoner.intake import take_in
from services.reasoner.reminders import remind, set_timer

_STALE = frozenset(
    kind.TYPE
    for kind in (
        tickets.TicketMessageAdded,
        tickets.TicketEdited,
        tickets.TicketClosed,
        tickets.TicketReopened,
        tickets.TicketMerged,
        tickets.TicketWithdrawn,
        escalations.CaseTaken,
        escalations.GuidanceGiven,
    )
)
"""Events that make a decision under way void."""


class Reasoner:
    """Handles a case's turn."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def handle(self, turn: Turn) -> Step:
        draft = _draft(turn)
        answered = False
        for event in _ticket_first(turn.events):
            if isinstance(event.data, TimerDue):
                self._remind(draft, event)
                continue
            answered = True
            take_in(draft, event)
        if draft.begun:
            await advance(draft, self._means, _persist(turn, draft))
            set_timer(draft, answered=answered, first=self._means.remind)
        metrics.count(draft)
        return draft.step()

    def give_up(self, turn: Turn, reason: str) -> Step:
        """A case that cannot go on is a person's: nothing is dropped in silence."""
        draft = _draft(turn)
        for event in turn.events:
            if not draft.begun and isinstance(event.data, tickets.TicketOpened):
                draft.take_in(event)
        if not draft.begun:
            return Step()
        give_to_person(draft, EscalationReason.FAULT, f"the agent cannot go on: {reason[:500]}")
        return draft.step()

    def interrupts(self, event_type: str) -> bool:
        return event_type in _STALE

    def _remind(self, draft: Draft, event: Event) -> None:
        assert isinstance(event.data, TimerDue)
        if draft.begun and not remind(draft, event.data):
            give_to_person(draft, EscalationReason.FAULT, "another service does not answer, however often it is asked")


def _ticket_first(events: Sequence[Event]) -> list[Event]:
    """The events in order, but for the ticket: topics keep no order among each other, and a case begins with it."""
    return sorted(events, key=lambda event: not isinstance(event.data, tickets.TicketOpened))


def _draft(turn: Turn) -> Draft:
    return Draft(None if turn.state is None else folding.load(turn.state), now=turn.now())


def _persist(turn: Turn, draft: Draft) -> Callable[[], Awaitable[None]]:
    async def persist() -> None:
        metrics.count(draft)
        await turn.commit(draft.step())

    return persist
