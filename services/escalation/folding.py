"""From what is heard of a case to its entry. Pure: each event changes the entry, and no event asks who heard it first.

An escalation, and an action that waits for a person, come twice: on their own topic and in the case's log. Whichever
comes first counts. What ends an escalation counts only when it is later than the escalation: topics overtake each
other.
"""

from functools import singledispatch
from typing import TypeVar

from aivis.access import AGENT
from aivis.events import actions, escalations, replies, tickets
from aivis.events.envelope import Event, Payload
from services.escalation.entry import ENDED, Approval, Doubt, Entry, Escalation, Overdue
from services.escalation.record import decided, has_proposal, proposed, recorded

_ENDS = {
    escalations.GuidanceGiven.TYPE: "guidance",
    escalations.AnswerGiven.TYPE: "answer",
    replies.OutcomeReached.TYPE: "case",
    tickets.TicketClosed.TYPE: "case",
    tickets.TicketWithdrawn.TYPE: "case",
    tickets.TicketMerged.TYPE: "case",
    tickets.TicketReopened.TYPE: "case",
}
"""What ends an escalation, and by which word."""

_OWNER = "reasoner"
"""Who hands over whole cases."""

Waiting = TypeVar("Waiting", Approval, Doubt)


def logged(entry: Entry, event: Event) -> Entry:
    """The entry after `event`, which is of the case's log."""
    entry = entry.model_copy(update={"record": recorded(entry.record, event)})
    if event.type in _ENDS:
        entry = _escalation_over(entry, event, by=_ENDS[event.type])
    return _after(event.data, entry, event)


def waits(entry: Entry, event: Event) -> Entry:
    """The entry after `event` of another topic: what waits for people, or waits too long."""
    match event.data:
        case escalations.CaseEscalated() as data:
            return _escalated(entry, data, event)
        case escalations.CaseOverdue() as data:
            return _overdue(entry, data, event)
        case actions.ApprovalRequested() as data:
            return _approval_asked(entry, data, event)
        case actions.ActionUnsettled() as data:
            return _in_doubt(entry, data, event)
        case _:
            return entry


@singledispatch
def _after(data: Payload, entry: Entry, event: Event) -> Entry:
    return waits(entry, event)


@_after.register
def _(data: tickets.TicketOpened, entry: Entry, event: Event) -> Entry:
    told = data.model_dump(include={"ticket", "source", "customer", "subject", "text", "opened_at"})
    return entry.model_copy(update=told)


@_after.register
def _(data: tickets.TicketEdited, entry: Entry, event: Event) -> Entry:
    return entry.model_copy(update={"subject": data.subject or entry.subject, "text": data.text})


@_after.register(tickets.TicketReopened)
@_after.register(tickets.TicketMessageAdded)
def _(data: Payload, entry: Entry, event: Event) -> Entry:
    return entry.model_copy(update={"outcome": None})


@_after.register
def _(data: replies.StatusChanged, entry: Entry, event: Event) -> Entry:
    ended_at = event.time if data.status in ENDED else entry.ended_at
    return entry.model_copy(update={"status": data.status, "ended_at": ended_at})


@_after.register
def _(data: replies.OwnerChanged, entry: Entry, event: Event) -> Entry:
    return entry.model_copy(update={"owner": data.owner, "claim": "" if data.owner != AGENT else entry.claim})


@_after.register
def _(data: replies.OutcomeReached, entry: Entry, event: Event) -> Entry:
    return entry.model_copy(update={"outcome": data, "ended_at": event.time})


@_after.register(actions.ActionFinished)
@_after.register(actions.ActionFailed)
def _(data: actions.ActionFinished | actions.ActionFailed, entry: Entry, event: Event) -> Entry:
    return _action_over(entry, data.action)


def _escalated(entry: Entry, data: escalations.CaseEscalated, event: Event) -> Entry:
    if data.escalation in entry.escalations:
        return entry
    known = entry.model_copy(update={"escalations": (*entry.escalations, data.escalation)})
    if has_proposal(data):
        known = known.model_copy(update={"record": proposed(known.record, data.escalation)})
    escalation = Escalation(
        id=data.escalation,
        reason=data.reason,
        summary=data.summary,
        skill=data.skill,
        language=data.language,
        at=event.time,
        apart=event.source != _OWNER,
    )
    if (other := entry.escalation) is not None:
        old, escalation = sorted((other, escalation), key=lambda one: one.at)
        escalation = _with_what_is_open(escalation, old)
    return known.model_copy(update={"escalation": escalation, "customer": entry.customer or data.customer})


def _overdue(entry: Entry, data: escalations.CaseOverdue, event: Event) -> Entry:
    if entry.overdue is not None and entry.overdue.at > event.time:
        return entry
    return entry.model_copy(update={"overdue": Overdue(at=event.time, **data.model_dump())})


def _with_what_is_open(escalation: Escalation, old: Escalation) -> Escalation:
    """The later of two escalations: while the other is open, nothing of it leaves people's sight."""
    if old.ended_by or escalation.ended_by:
        return escalation
    summary = escalation.summary
    known = tuple(dict.fromkeys((*summary.known, old.summary.problem, *old.summary.known)))
    update = {"summary": summary.model_copy(update={"known": known}), "apart": escalation.apart or old.apart}
    return escalation.model_copy(update=update)


def _approval_asked(entry: Entry, data: actions.ApprovalRequested, event: Event) -> Entry:
    if any(approval.action == data.action for approval in entry.approvals):
        return entry
    verdict, expert = entry.words.get(data.action, ("", ""))
    asked = Approval(asked_at=event.time, verdict=verdict, expert=expert, **data.model_dump())
    record = proposed(entry.record, data.action)
    if verdict:
        record = decided(record, data.action, adopted=verdict == "granted")
    return entry.model_copy(update={"approvals": (*entry.approvals, asked), "record": record})


def _in_doubt(entry: Entry, data: actions.ActionUnsettled, event: Event) -> Entry:
    if any(doubt.action == data.action for doubt in entry.doubts):
        return entry
    verdict, expert = entry.words.get(f"doubt of {data.action}", ("", ""))
    doubt = Doubt(at=event.time, verdict=verdict, expert=expert, **data.model_dump())
    return entry.model_copy(update={"doubts": (*entry.doubts, doubt)})


def _escalation_over(entry: Entry, event: Event, *, by: str) -> Entry:
    open_one = entry.escalation
    if open_one is None or open_one.ended_by or event.time <= open_one.at or (open_one.apart and by == "case"):
        return entry
    return escalation_over(entry, by=by)


def escalation_over(entry: Entry, *, by: str) -> Entry:
    """The open escalation ended by guidance (its proposal is adopted), an answer (it is not), or otherwise."""
    if entry.escalation is None or entry.escalation.ended_by:
        return entry
    record = entry.record
    if by in ("guidance", "answer"):
        record = decided(record, entry.escalation.id, adopted=by == "guidance")
    return entry.model_copy(
        update={"escalation": entry.escalation.model_copy(update={"ended_by": by}), "record": record}
    )


def _action_over(entry: Entry, action: str) -> Entry:
    return entry.model_copy(
        update={
            "approvals": settled(entry.approvals, action, verdict="over"),
            "doubts": settled(entry.doubts, action, verdict="over"),
        }
    )


def settled(waiting: tuple[Waiting, ...], action: str, *, verdict: str, expert: str = "") -> tuple[Waiting, ...]:
    """`waiting` with `action` decided, unless it was before."""
    return tuple(
        one.model_copy(update={"verdict": verdict, "expert": expert})
        if one.action == action and not one.verdict
        else one
        for one in waiting
    )
