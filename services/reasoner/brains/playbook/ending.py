"""How a diagnosis ends: solved, explained, nothing wrong, or handed over with all that is known."""

from aivis.events.escalations import EscalationReason
from aivis.modules.belief import NOTHING_WRONG
from aivis.modules.evidence import Standing
from aivis.modules.expressions import render
from aivis.modules.schema import Fault
from services.reasoner.brains.playbook import words
from services.reasoner.brains.playbook.attempts import Attempt, State, put_back
from services.reasoner.brains.playbook.moves import Calls, Finding, GiveUp, Move, Solved
from services.reasoner.brains.playbook.view import View


def solved(view: View, last: Attempt) -> Move:
    """The last remedy was verified; what was mended before it stays."""
    texts = [_finding(attempt) for attempt in (*view.mended, last)]
    reason = f"A fresh look confirms that {last.fault.name} was the cause and is mended."
    return view.move(Solved(last.fault.name, " ".join(dict.fromkeys(texts))), reason)


def _finding(attempt: Attempt) -> str:
    return render(attempt.fault.finding or attempt.fault.says, attempt.scope)


def report(view: View, fault: Fault, stand: Standing, share: float) -> Move | None:
    """A likely fault that the agent does not mend, or no further: the customer or an expert does."""
    said = f"{fault.name} is {share:.0%} likely"
    if fault.escalate or (fault.remedies and all_tried(view, fault)):
        reason = f"{said}, and a person must go on: {render(fault.says, stand.scope)}"
        return put_all_back(view) or view.move(_escalation(view, fault, stand), reason)
    if fault.remedies:
        return None
    end = Finding(fault.name, render(fault.finding or fault.says, stand.scope), words.checked(view.standings))
    return view.move(end, f"{said}, and explains what the customer sees: {render(fault.says, stand.scope)}")


def all_tried(view: View, fault: Fault) -> bool:
    """Whether every remedy of the fault was begun."""
    return len([attempt for attempt in view.tried if attempt.fault.name == fault.name]) >= len(fault.remedies)


def _escalation(view: View, fault: Fault, stand: Standing) -> GiveUp:
    states = [attempt.state for attempt in view.tried if attempt.fault.name == fault.name]
    why = EscalationReason.REMEDY_FAILED if states else EscalationReason.RESERVED
    if State.FORBIDDEN in states:
        why = EscalationReason.APPROVAL
    said = fault.says if fault.remedies else fault.finding or fault.says
    return _given_up(view, why, render(said, stand.scope))


def nothing_wrong(view: View, enough: float) -> Move | None:
    """The symptom is not there, and belief in that is enough."""
    healthy = [each for each in view.standings if each.hypothesis == NOTHING_WRONG and each.confirmed]
    share = view.belief[NOTHING_WRONG]
    if not healthy or share < enough:
        return None
    if view.mended:
        return solved(view, view.mended[-1])
    finding = render(healthy[0].module.finding or healthy[0].module.says, healthy[0].scope)
    reason = f"Nothing is wrong ({share:.0%}): the symptom is not there, and nothing that was checked explains it."
    return view.move(Finding("", finding, words.checked(view.standings)), reason)


def put_all_back(view: View) -> Move | None:
    """Nothing that was changed without success stays, but what a module says to keep."""
    for attempt in reversed(view.mended):
        back = attempt if attempt.remedy.keep else put_back(attempt, view.history, then=State.UNDONE)
        if back.due:
            return view.move(Calls(back.due), f"{attempt}: before a person takes over it is put back.")
    return None


def stopped(view: View, last: Attempt) -> Move:
    """The last remedy is in a state that only a person can judge."""
    reason = f"{last}: a person must look."
    return view.move(_given_up(view, EscalationReason.REMEDY_FAILED, reason), reason)


def hand_over(view: View) -> Move:
    """No check tells more, and nothing is likely enough to act on."""
    if any(attempt.state is State.FORBIDDEN for attempt in view.tried):
        why, reason = EscalationReason.APPROVAL, "The remedy was not allowed, and no other one is likely to help."
    elif view.tried:
        why, reason = EscalationReason.REMEDY_FAILED, "What was tried did not help, and no other cause is likely."
    elif not view.standings:
        why, reason = EscalationReason.NOT_KNOWN, "No module fits this problem, or what it needs is not known."
    elif view.likely:
        fault = view.likely[0][0].name
        why = EscalationReason.FAULT if view.history.failed_looks else EscalationReason.RESERVED
        reason = f"{fault} is likely, but nothing that mends it can be done from here."
    elif view.history.not_there:
        why, reason = EscalationReason.NOT_KNOWN, f"What the ticket names was not found: {view.history.not_there}"
    elif view.history.failed_looks:
        why, reason = EscalationReason.FAULT, "What would have to be looked at could not be: tools keep failing."
    else:
        why, reason = EscalationReason.NO_FAULT_FOUND, "Every check that tells something was made: no cause stands out."
    return view.move(_given_up(view, why, reason), reason)


def _given_up(view: View, why: EscalationReason, reason: str) -> GiveUp:
    back = [put_back(each, view.history, then=State.UNDONE) for each in view.mended if not each.remedy.keep]
    ended = {each.start: each for each in back}
    return GiveUp(
        why=why,
        reason=reason,
        known=(*words.known(view.ticket, view.standings), *view.history.failed_looks),
        tried=tuple(str(ended.get(attempt.start, attempt)) for attempt in view.tried),
        proposed=tuple(line for fault, stand in view.likely for line in words.proposed(fault, stand)),
        module=next((fault.name for fault, _ in view.likely), view.tried[-1].fault.name if view.tried else ""),
    )
