"""Deadlines: whoever a case waits for, a timer says for how long, and what happens then.

    waits for                   timer      when it is due
    the customer                customer   one reminder; the next time the case is closed, until they write again
    an expert                   expert     said on aivis.escalations, again and again, ever later; never closed
    neither: it is ours         budget     its wall time is over: an expert goes on
    another service as well     reask      asked for again (reminders.py)

Every case that has not ended waits for one of the first three, so none is without a timer. The database's clock says
when one is due; a timer is moved only when another wait begins.
"""

from dataclasses import dataclass
from datetime import timedelta

from aivis.events.cases import DecisionKind, LimitReached
from aivis.events.escalations import CaseOverdue, EscalationReason
from aivis.events.replies import Outcome, OutcomeReached, ReplyKind, ReplySent, Status
from aivis.events.timers import TimerDue
from aivis.mailbox.values import Timer
from services.reasoner import words
from services.reasoner.case import AGENT, BUDGET, Case, Deadline, Waiting
from services.reasoner.draft import Draft
from services.reasoner.ending import RULES, change_status, give_to_person

CUSTOMER = "customer"
EXPERT = "expert"
_LONGEST = timedelta(days=1)
"""Between two words on a case that waits for an expert."""


@dataclass(frozen=True)
class Patience:
    """How long a case waits for people."""

    reminder: timedelta = timedelta(hours=24)
    """For the customer's answer, before they are reminded."""
    closing: timedelta = timedelta(hours=72)
    """After the reminder, before the case is closed."""
    expert: timedelta = timedelta(hours=1)
    """For an expert, before it is said; doubles up to a day."""


def awaited(case: Case) -> tuple[str, str] | None:
    """The timer that watches over the case, and which wait it bounds; None when the case has ended."""
    if case.ended:
        return None
    if who := _expert_for(case):
        return EXPERT, who
    if case.asks_customer:
        return CUSTOMER, str(case.status_at)
    return BUDGET, case.spent.since.isoformat()


def _expert_for(case: Case) -> str:
    """What an expert is waited for with: the escalation, the case that they have, or an action."""
    if case.owner != AGENT:
        return f"owner {case.owner}"
    return case.escalation.escalation if case.escalation is not None else _undecided(case)


def _undecided(case: Case) -> str:
    """The first action that waits for an expert's word."""
    return next((a.action.action for a in case.waiting if a.waits_for is not Waiting.RESULT), "")


def set_timer(draft: Draft, patience: Patience, wall: timedelta) -> None:
    """Set the timer of a wait that has begun, and take back that of one that is over; at the end of a turn."""
    case, wait = draft.case, awaited(draft.case)
    old = case.deadline
    if old is not None and (old.name, old.wait) == wait:
        return
    worked = case.worked(draft.now)
    new = None if wait is None else Deadline(name=wait[0], wait=wait[1], since=draft.now)
    draft.change(deadline=new, spent=case.spent.model_copy(update={"worked": worked}))
    if old is not None:
        draft.timers.append(Timer(old.name, None))
    if new is not None:
        draft.timers.append(_timer(new, patience, wall - timedelta(seconds=worked)))


def due(draft: Draft, timer: TimerDue, patience: Patience, wall: timedelta) -> None:
    """Do what `timer` is for. One that the case has outrun says nothing."""
    deadline = draft.case.deadline
    if deadline is None or timer.name != deadline.name or timer.note != _note(deadline):
        return
    if awaited(draft.case) != (deadline.name, deadline.wait):
        return
    later = _act(draft, deadline, wall)
    draft.change(deadline=later)
    draft.timers.append(_timer(later, patience, wall))


def _act(draft: Draft, deadline: Deadline, wall: timedelta) -> Deadline:
    """What comes of a deadline that is over; the next one, should the wait go on."""
    later = deadline.model_copy(update={"times": deadline.times + 1})
    if deadline.name == EXPERT:
        _say_overdue(draft, later)
    elif deadline.name == BUDGET:
        _out_of_time(draft, wall)
    elif not deadline.times:
        _remind(draft)
    elif draft.case.waiting:
        return deadline  # what is under way ends first
    else:
        _close(draft)
    return later


def _timer(deadline: Deadline, patience: Patience, left: timedelta) -> Timer:
    delays = {
        CUSTOMER: patience.closing if deadline.times else patience.reminder,
        EXPERT: min(patience.expert * 2 ** min(deadline.times, 20), max(_LONGEST, patience.expert)),
        BUDGET: max(left, timedelta(0)),
    }
    return Timer(deadline.name, delays[deadline.name], _note(deadline))


def _note(deadline: Deadline) -> dict[str, object]:
    return {"wait": deadline.wait, "times": deadline.times}


def _remind(draft: Draft) -> None:
    draft.say_why(DecisionKind.ASK, RULES, "The customer has not answered: they are asked once more.")
    asked = next((line.text for line in reversed(draft.case.conversation) if line.author == AGENT), "")
    language = draft.case.language
    draft.record(ReplySent(kind=ReplyKind.QUESTION, text=words.reminder(asked, language), language=language))


def _close(draft: Draft) -> None:
    why = "The customer was asked and reminded, and has not answered."
    draft.say_why(DecisionKind.REPLY, RULES, why)
    language = draft.case.language
    draft.record(ReplySent(kind=ReplyKind.PROGRESS, text=words.say("unanswered", language), language=language))
    draft.record(OutcomeReached(outcome=Outcome.UNANSWERED, summary=why, independent=not draft.case.assisted))
    change_status(draft, Status.CLOSED)


def _say_overdue(draft: Draft, deadline: Deadline) -> None:
    case = draft.case
    about = "" if case.owner != AGENT else deadline.wait
    expert = "" if case.owner == AGENT else case.owner
    draft.record(CaseOverdue(about=about, expert=expert, since=deadline.since, times=deadline.times))


def _out_of_time(draft: Draft, wall: timedelta) -> None:
    """The wall time is used up, whether or not anything happened meanwhile."""
    waiting = ", ".join(attempt.action.tool for attempt in draft.case.waiting)
    still = f"; {waiting} still gives no result" if waiting else ""
    most = wall.total_seconds()
    limit = LimitReached(guard="seconds", detail=f"{most:.0f} of {most:.0f} seconds are used{still}")
    draft.record(limit)
    give_to_person(draft, EscalationReason.BUDGET, limit.detail)
