"""What experts may do, and what comes of it. Pure: a command against an entry gives the entry after it and its events.

A command is itself an event of the contracts, as the expert's request put it into the mailbox. Refusals say why in
words for the expert: `Conflict` when the case stands otherwise, `NotFound` when there is nothing of that name.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import singledispatch

from aivis import topics
from aivis.errors import Conflict, Invalid, NotFound
from aivis.events.actions import ApprovalDenied, ApprovalGranted, Settlement
from aivis.events.envelope import Event, Payload
from aivis.events.escalations import (
    AnswerGiven,
    CaseHandedBack,
    CaseTaken,
    FeedbackGiven,
    FeedbackKind,
    GuidanceGiven,
)
from services.escalation.entry import Approval, Doubt, Entry
from services.escalation.folding import escalation_over, settled
from services.escalation.record import decided, judged

COMMANDS: tuple[type[Payload], ...] = (
    CaseTaken,
    GuidanceGiven,
    AnswerGiven,
    CaseHandedBack,
    ApprovalGranted,
    ApprovalDenied,
    Settlement,
    FeedbackGiven,
)
"""What an expert can say; `FeedbackGiven` is a judgement."""


@dataclass(frozen=True)
class Done:
    """What a command did."""

    entry: Entry
    topic: str = ""
    """Where the command's own event goes; empty when it goes nowhere."""
    feedback: FeedbackGiven | None = None
    detail: str = ""


def carry_out(entry: Entry, command: Event, now: datetime) -> Done:
    """Do what `command` says, or raise why not."""
    return _done(command.data, entry, now)


@singledispatch
def _done(data: Payload, entry: Entry, now: datetime) -> Done:
    raise Invalid(f"{data.TYPE} is nothing that an expert can say here")


@_done.register
def _take(data: CaseTaken, entry: Entry, now: datetime) -> Done:
    _live(entry)
    _free_for(entry, data.expert)
    if entry.expert == data.expert:
        return Done(entry, detail="you have the case already")
    feedback = _feedback(entry, FeedbackKind.TAKEOVER, data.expert)
    detail = "asked for: it is yours as soon as the agent has let go of it"
    return Done(entry.model_copy(update={"claim": data.expert}), topics.GUIDANCE.name, feedback, detail)


@_done.register
def _guide(data: GuidanceGiven, entry: Entry, now: datetime) -> Done:
    _live(entry)
    _free_for(entry, data.expert)
    feedback = _feedback(entry, FeedbackKind.GUIDANCE, data.expert, data.text)
    return Done(escalation_over(entry, by="guidance"), topics.GUIDANCE.name, feedback, "the agent goes on with it")


@_done.register
def _answer(data: AnswerGiven, entry: Entry, now: datetime) -> Done:
    _live(entry)
    _free_for(entry, data.expert)
    feedback = _feedback(entry, FeedbackKind.ANSWER, data.expert, data.text)
    return Done(escalation_over(entry, by="answer"), topics.GUIDANCE.name, feedback, "the customer gets it as it is")


@_done.register
def _hand_back(data: CaseHandedBack, entry: Entry, now: datetime) -> Done:
    _live(entry)
    if not entry.expert:
        raise Conflict("nobody has taken this case: there is nothing to hand back")
    _free_for(entry, data.expert)
    feedback = _feedback(entry, FeedbackKind.HAND_BACK, data.expert, data.note)
    entry = escalation_over(entry, by="hand-back").model_copy(update={"claim": ""})
    return Done(entry, topics.GUIDANCE.name, feedback, "the agent goes on with it")


@_done.register
def _approve(data: ApprovalGranted, entry: Entry, now: datetime) -> Done:
    approval = _approval(entry, data.action, data.digest, data.expert, now)
    if approval.expires_at <= now:
        raise _expired(approval)
    return _decide(entry, approval, data.expert, granted=True, text="")


@_done.register
def _deny(data: ApprovalDenied, entry: Entry, now: datetime) -> Done:
    approval = _approval(entry, data.action, data.digest, data.expert, now)
    return _decide(entry, approval, data.expert, granted=False, text=data.reason)


def _decide(entry: Entry, approval: Approval, expert: str, *, granted: bool, text: str) -> Done:
    verdict, kind = ("granted", FeedbackKind.APPROVAL) if granted else ("denied", FeedbackKind.DENIAL)
    entry = entry.model_copy(
        update={
            "approvals": settled(entry.approvals, approval.action, verdict=verdict, expert=expert),
            "record": decided(entry.record, approval.action, adopted=granted),
        }
    )
    feedback = FeedbackGiven(kind=kind, expert=expert, about=approval.action, right=granted, text=text)
    return Done(entry, topics.APPROVALS.name, feedback, f"{approval.tool}: {verdict}")


@_done.register
def _settle(data: Settlement, entry: Entry, now: datetime) -> Done:
    doubt = _doubt(entry, data.action)
    _free_for(entry, data.expert)
    verdict = "happened" if data.happened else "did-not-happen"
    doubts = settled(entry.doubts, data.action, verdict=verdict, expert=data.expert)
    feedback = FeedbackGiven(
        kind=FeedbackKind.SETTLEMENT, expert=data.expert, about=data.action, right=data.happened, text=data.note
    )
    settled_entry = entry.model_copy(update={"doubts": doubts})
    return Done(settled_entry, topics.APPROVALS.name, feedback, f"{doubt.tool}: {verdict.replace('-', ' ')}")


@_done.register
def _judge(data: FeedbackGiven, entry: Entry, now: datetime) -> Done:
    """A judgement needs no owner and no open case: whoever may see a case may say what was right."""
    if data.kind is not FeedbackKind.JUDGEMENT or data.right is None or not data.about:
        raise Invalid("a judgement says about what (about) and whether it was right (right)")
    record = judged(entry.record, data.about, right=data.right)
    return Done(entry.model_copy(update={"record": record}), topics.FEEDBACK.name, None, "noted")


def _live(entry: Entry) -> None:
    if entry.ended and not entry.open_escalation:
        how = entry.outcome.outcome if entry.outcome else entry.status
        raise Conflict(f"the case has ended ({how}): it opens again when the customer writes or reopens the ticket")


def _free_for(entry: Entry, expert: str) -> None:
    if entry.expert and entry.expert != expert:
        raise Conflict(f"the case is {entry.expert}'s: ask them, or wait until they hand it back")


def _approval(entry: Entry, action: str, digest: str, expert: str, now: datetime) -> Approval:
    approval = next((one for one in entry.approvals if one.action == action), None)
    if approval is None:
        raise NotFound(f"no approval was asked for action {action} in this case")
    if approval.verdict == "over" and approval.expires_at <= now:
        raise _expired(approval)
    if approval.verdict == "over":
        raise Conflict(f"action {action} has ended without a word: nothing is pending")
    if approval.verdict:
        raise Conflict(f"this approval is used: {approval.expert} has {approval.verdict} it; an approval counts once")
    if digest != approval.digest:
        raise Conflict("these are not the parameters that wait for approval: load the case again and look at them")
    _live(entry)
    _free_for(entry, expert)
    return approval


def _expired(approval: Approval) -> Conflict:
    return Conflict(f"the request expired at {approval.expires_at:%Y-%m-%d %H:%M} UTC: the agent has to ask anew")


def _doubt(entry: Entry, action: str) -> Doubt:
    doubt = next((one for one in entry.doubts if one.action == action), None)
    if doubt is None:
        raise NotFound(f"action {action} of this case is not in doubt: there is nothing to settle")
    if doubt.verdict:
        by = f" by {doubt.expert}" if doubt.expert else ""
        raise Conflict(f"action {action} is settled{by} ({doubt.verdict.replace('-', ' ')}): nothing is pending")
    return doubt


def _feedback(entry: Entry, kind: FeedbackKind, expert: str, text: str = "") -> FeedbackGiven:
    about = entry.open_escalation.id if entry.open_escalation else ""
    return FeedbackGiven(kind=kind, expert=expert, about=about, text=text)
