"""What experts had said before the database was restored: it stands, whatever the entry knows of what they said it on.

Of their words on a whole case the case's own log tells; of those on actions, and of judgements, only we do.
"""

from aivis.admission import Refine
from aivis.events.actions import ApprovalDenied, ApprovalGranted, Settlement
from aivis.events.envelope import Event, Head
from aivis.events.escalations import FeedbackGiven
from aivis.mailbox.values import Arrival
from aivis.topics import Topic
from services.escalation.desk import COMMANDS
from services.escalation.entry import Entry
from services.escalation.folding import settled
from services.escalation.record import decided, judged

_COMMANDS = frozenset(kind.TYPE for kind in COMMANDS)


def refine() -> Refine:
    """Of our words those that were commands come again, under their own ids: what a command was is known by it."""

    def admitted(topic: Topic, head: Head, arrival: Arrival) -> Arrival | None:
        return arrival if head.type in _COMMANDS and head.causationid is None else None

    return admitted


def recalled(entry: Entry, event: Event) -> Entry:
    """The entry after an expert's word of then."""
    match event.data:
        case ApprovalGranted(action=action, expert=expert):
            return _decided(entry, action, "granted", expert)
        case ApprovalDenied(action=action, expert=expert):
            return _decided(entry, action, "denied", expert)
        case Settlement(action=action, expert=expert, happened=happened):
            return _settled(entry, action, "happened" if happened else "did-not-happen", expert)
        case FeedbackGiven(about=about, right=right) if right is not None:
            return entry.model_copy(update={"record": judged(entry.record, about, right=right)})
        case _:
            return entry


def _decided(entry: Entry, action: str, verdict: str, expert: str) -> Entry:
    return entry.model_copy(
        update={
            "approvals": settled(entry.approvals, action, verdict=verdict, expert=expert),
            "record": decided(entry.record, action, adopted=verdict == "granted"),
            "words": {**entry.words, action: (verdict, expert)},
        }
    )


def _settled(entry: Entry, action: str, verdict: str, expert: str) -> Entry:
    doubts = settled(entry.doubts, action, verdict=verdict, expert=expert)
    return entry.model_copy(
        update={"doubts": doubts, "words": {**entry.words, f"doubt of {action}": (verdict, expert)}}
    )
