"""What an incoming event means to a case, before anybody decides anything."""

from aivis.events import escalations, tickets
from aivis.events.actions import ApprovalRequested
from aivis.events.cases import DecisionKind
from aivis.events.envelope import Event
from aivis.events.replies import Outcome, OutcomeReached, OwnerChanged, ReplyKind, ReplySent, Status, StatusChanged
from aivis.mailbox.turn import NotYet
from services.reasoner import words
from services.reasoner.case import AGENT
from services.reasoner.draft import Draft
from services.reasoner.ending import RULES


def take_in(draft: Draft, event: Event) -> None:
    """Record the event and what follows from it at once. `NotYet` when the case's ticket has not come yet."""
    if not draft.begun and not isinstance(event.data, tickets.TicketOpened):
        raise NotYet(f"{event.type} {event.id}: the case has no ticket yet")
    if draft.begun and isinstance(event.data, tickets.TicketOpened):
        return
    draft.take_in(event)
    match event.data:
        case tickets.TicketOpened():
            draft.record(StatusChanged(status=Status.OPEN))
        case tickets.TicketClosed() | tickets.TicketMerged():
            draft.record(StatusChanged(status=Status.CLOSED))
        case tickets.TicketWithdrawn():
            _withdrawn(draft)
        case escalations.CaseTaken(expert=expert):
            draft.record(OwnerChanged(owner=expert))
        case escalations.CaseHandedBack():
            draft.record(OwnerChanged(owner=AGENT))
        case escalations.AnswerGiven() as answer:
            _answered(draft, answer)
        case ApprovalRequested() as request:
            _approval_needed(draft, request)
        case _:
            _status_of_waiting(draft)


def _withdrawn(draft: Draft) -> None:
    draft.record(
        OutcomeReached(
            outcome=Outcome.WITHDRAWN, summary=words.say("withdrawn", "en"), independent=not draft.case.assisted
        )
    )
    draft.record(StatusChanged(status=Status.CLOSED))


def _answered(draft: Draft, answer: escalations.AnswerGiven) -> None:
    """The expert's words go to the customer as they are."""
    draft.record(ReplySent(kind=ReplyKind.ANSWER, text=answer.text, author=answer.expert, language=draft.case.language))
    if answer.resolves:
        draft.record(OutcomeReached(outcome=Outcome.EXPERT, summary=answer.text, independent=False))
        draft.record(StatusChanged(status=Status.RESOLVED))


def _approval_needed(draft: Draft, request: ApprovalRequested) -> None:
    """Tell the customer once that a person has to agree."""
    if draft.case.status is Status.WAITING_FOR_EXPERT or draft.case.ended:
        return
    language = draft.case.language
    draft.say_why(DecisionKind.WAIT, RULES, request.reason)
    text = words.say("approval", language, tool=request.tool)
    draft.record(ReplySent(kind=ReplyKind.PROGRESS, text=text, language=language))
    draft.record(StatusChanged(status=Status.WAITING_FOR_EXPERT))


def _status_of_waiting(draft: Draft) -> None:
    """Work goes on once no person's word is waited for; what came to life again is its owner's."""
    case = draft.case
    if case.owner != AGENT and not case.ended and case.status in (Status.RESOLVED, Status.CLOSED):
        draft.record(StatusChanged(status=Status.WAITING_FOR_EXPERT))
        return
    waits = case.waits_for_person
    if waits and case.status is Status.WORKING:
        draft.record(StatusChanged(status=Status.WAITING_FOR_EXPERT))
    if not waits and case.escalation is None and not case.ended and case.status is Status.WAITING_FOR_EXPERT:
        draft.record(StatusChanged(status=Status.WORKING))
