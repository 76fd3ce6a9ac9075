"""Reminders: whoever waits for an answer asks again when it is late, under the same ids."""

from datetime import timedelta

from aivis import topics
from aivis.events.timers import TimerDue
from aivis.mailbox.values import Timer
from services.reasoner.case import Case
from services.reasoner.draft import Draft, public_id

NAME = "reask"
FIRST = timedelta(seconds=15)
LONGEST = timedelta(minutes=10)
PATIENCE = 12
"""Reminders in a row after which the missing answer is a fault for people: about an hour and a half."""


def outstanding(case: Case) -> bool:
    """Whether the case waits for an answer of another service."""
    return not case.ended and (case.plan_request is not None or bool(case.waiting))


def remind(draft: Draft, due: TimerDue) -> bool:
    """Ask again for all that is outstanding; False when patience is at its end."""
    case = draft.case
    if due.name != NAME or not outstanding(case):
        return True
    if case.reasked >= PATIENCE and case.ours and not _waits_for_people(case):
        return False
    if case.plan_request is not None:
        id = public_id(case.plan_request_event, topics.PLAN_REQUESTS.name)
        draft.ask_again(case.plan_request, topics.PLAN_REQUESTS.name, event_id=id)
    for attempt in case.waiting:
        draft.ask_again(attempt.action, topics.ACTIONS.name, event_id=attempt.action.action)
    draft.change(reasked=case.reasked + 1)
    return True


def set_timer(draft: Draft, *, answered: bool, first: timedelta = FIRST) -> None:
    """Set, move or take back the reminder at the end of a turn; an answer starts the count anew, at `first`."""
    if answered:
        draft.change(reasked=0)
    case = draft.case
    delay = min(first * 2 ** min(case.reasked, 10), LONGEST) if outstanding(case) else None
    draft.timers.append(Timer(NAME, delay))


def _waits_for_people(case: Case) -> bool:
    return case.plan_request is None and all(attempt.waits_for != "result" for attempt in case.waiting)
