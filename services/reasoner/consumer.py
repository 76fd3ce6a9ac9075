"""The reasoner's mailbox handler: events in, one step out."""

from collections.abc import Awaitable, Callable, Sequence

from aivis.events import escalations, tickets
from aivis.events.envelope import Event, Past
from aivis.events.escalations import EscalationReason
from aivis.events.timers import TimerDue
from aivis.mailbox.telling import lost
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Step
from services.reasoner import deadlines, folding, metrics
from services.reasoner.advancing import Means, advance
from services.reasoner.draft import SERVICE, Draft
from services.reasoner.ending import give_to_person
from services.reasoner.intake import take_in
from services.reasoner.recalling import GO_ON, own_up, recall
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
        answered, new = False, not draft.begun
        news = recall(draft, turn.events)
        if all(event.past is Past.SAID for event in turn.events):
            return self._recalled(draft)
        for event in _in_order(news):
            answered |= not isinstance(event.data, TimerDue)
            if draft.begun and event.id in draft.case.taken:
                draft.cause = event  # it is in the log, with what was decided before the turn broke off
            elif isinstance(event.data, TimerDue):
                self._due(draft, event.data)
            else:
                take_in(draft, event)
        if draft.begun:
            own_up(draft, turn.restored, new=new and len(news) == len(turn.events))
            await advance(draft, self._means, _persist(turn, draft))
            self._set_timers(draft, answered=answered)
        metrics.count(draft)
        _done_with(draft, turn)
        return draft.step()

    def give_up(self, turn: Turn, reason: str) -> Step:
        """A case that cannot go on is a person's, and so is one that has not begun: nothing is dropped in silence."""
        draft = _draft(turn)
        for event in turn.events:
            if not draft.begun and isinstance(event.data, tickets.TicketOpened):
                draft.take_in(event)
        if not draft.begun:
            return Step(publish=(lost(turn, reason, service=SERVICE, case=turn.key.name),))
        give_to_person(draft, EscalationReason.FAULT, f"the agent cannot go on: {reason[:500]}")
        draft.change(deadline=None)  # its timer may be among what is given up
        self._set_timers(draft, answered=False)
        _done_with(draft, turn)
        return draft.step()

    def interrupts(self, event_type: str) -> bool:
        return event_type in _STALE

    def _recalled(self, draft: Draft) -> Step:
        """More of the past may follow: nothing is decided before it is all in."""
        self._set_timers(draft, answered=False)
        draft.timers.append(GO_ON)
        return draft.step()

    def _due(self, draft: Draft, timer: TimerDue) -> None:
        if not draft.begun:
            return
        if not remind(draft, timer):
            give_to_person(draft, EscalationReason.FAULT, "another service does not answer, however often it is asked")
        deadlines.due(draft, timer, self._means.patience, self._means.budget.wall)

    def _set_timers(self, draft: Draft, *, answered: bool) -> None:
        set_timer(draft, answered=answered, first=self._means.remind)
        deadlines.set_timer(draft, self._means.patience, self._means.budget.wall)


def _in_order(events: Sequence[Event]) -> list[Event]:
    """The events in order, but for the ticket and timers.

    Topics keep no order among each other, and a case begins with its ticket; what came in time makes a timer void.
    """

    def place(event: Event) -> int:
        return 2 if isinstance(event.data, TimerDue) else int(not isinstance(event.data, tickets.TicketOpened))

    return sorted(events, key=place)


def _draft(turn: Turn) -> Draft:
    return Draft(None if turn.state is None else folding.load(turn.state), now=turn.now())


def _done_with(draft: Draft, turn: Turn) -> None:
    """The events of the turn end with it."""
    if draft.begun and draft.case.taken:
        ended = {event.id for event in turn.events}
        draft.change(taken=tuple(id for id in draft.case.taken if id not in ended))


def _persist(turn: Turn, draft: Draft) -> Callable[[], Awaitable[None]]:
    async def persist() -> None:
        metrics.count(draft)
        draft.change(taken=tuple(dict.fromkeys([*draft.case.taken, *(event.id for event in turn.events)])))
        await turn.commit(draft.step())

    return persist
