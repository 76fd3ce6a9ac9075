"""A case after the database was restored: the log that went out is what was decided, and is followed, not decided anew.

The log goes out before anything that it tells of, so whatever others had of a case its log out there has too.
"""

from collections.abc import Sequence
from datetime import timedelta

from aivis import topics
from aivis.events.envelope import Event, Past
from aivis.events.escalations import EscalationReason
from aivis.events.tickets import TicketOpened
from aivis.mailbox.turn import NotYet
from aivis.mailbox.values import Restoration, Timer
from services.reasoner.draft import Draft
from services.reasoner.ending import give_to_person

GO_ON = Timer("go-on", timedelta(seconds=1))
"""Sets a case going of which nothing but its past came in."""
_INPUTS = frozenset(
    kind.TYPE for topic in (topics.TICKETS, topics.PLANS, topics.RESULTS, topics.GUIDANCE) for kind in topic.events
)
_LEAP = 1_000
"""Numbers of the log that are left out where entries are missing: more than there can have been. What is told under a
number that was used before would not be heard."""


def recall(draft: Draft, events: Sequence[Event]) -> list[Event]:
    """Follow what the case's log out there tells; of `events` those that are news to it."""
    for event in events:
        if event.past is Past.SAID:
            _follow(draft, event)
    heard = draft.case.heard if draft.begun else ()
    return [event for event in events if event.past is not Past.SAID and event.id not in heard]


def _follow(draft: Draft, entry: Event) -> None:
    """Take in an entry of the log. Behind a gap they are only counted: what they build on is not known."""
    number = entry.sequence or 0
    known = draft.case.sequence if draft.begun else 0
    if number <= known:
        return
    if not draft.begun and not isinstance(entry.data, TicketOpened):
        raise NotYet(f"{entry.type} {entry.id}: the case's log out there does not begin with its ticket")
    if number > known + 1 or (draft.begun and draft.case.gap):
        draft.change(sequence=number, gap=True)
        return
    draft.recall(entry)
    if entry.type in _INPUTS and entry.causation is not None:
        draft.change(heard=(*draft.case.heard, entry.causation))


def own_up(draft: Draft, restoration: Restoration | None, *, new: bool) -> None:
    """Where the bus has lost something since the restored database, people find out what became of the case.

    Once a restoration; a `new` case has no past.
    """
    if restoration is None or draft.case.restored == restoration.id:
        return
    lost = not new and (draft.case.gap or not restoration.whole)
    draft.change(restored=restoration.id, gap=False)
    if not lost:
        return
    draft.change(sequence=draft.case.sequence + _LEAP)
    if not draft.case.ended:
        give_to_person(
            draft,
            EscalationReason.FAULT,
            f"The agent's database was put back to {restoration.since:%Y-%m-%d %H:%M:%S} UTC, and the bus has lost what"
            " was said and done in this case since then: look at what it came to before anything is done again.",
        )
