"""Decides the next move of a diagnosis.

In this order: finish the remedy under way; look up inputs; mend or report what is all but certain; look where a look
tells most for its cost; mend what is likely enough; ask for what only the customer knows; say that nothing is wrong;
hand over. Before handing over, what was changed without success is put back.
"""

from collections.abc import Sequence

from aivis.events.actions import Purpose
from aivis.modules.evidence import Standing
from aivis.modules.schema import Fault
from aivis.toolkit.declaration import Risk
from services.reasoner.brains.playbook import words
from services.reasoner.brains.playbook.attempts import State
from services.reasoner.brains.playbook.checks import Probe, chosen, probes, ranked
from services.reasoner.brains.playbook.ending import (
    all_tried,
    hand_over,
    nothing_wrong,
    put_all_back,
    report,
    solved,
    stopped,
)
from services.reasoner.brains.playbook.inputs import question_to_customer
from services.reasoner.brains.playbook.moves import Call, Calls, Move
from services.reasoner.brains.playbook.remedies import Option, options, wanted_by
from services.reasoner.brains.playbook.view import Question, View, look_at


def diagnose(question: Question) -> Move:
    """The next move; the module's own words say in which order it is sought."""
    view = look_at(question)
    return (
        _under_way(view)
        or _looked_up(view)
        or _certain(view)
        or nothing_wrong(view, view.tuning.accept_nothing_wrong)
        or _look(view)
        or _likely(view)
        or _ask(view)
        or nothing_wrong(view, view.tuning.least_nothing_wrong)
        or put_all_back(view)
        or hand_over(view)
    )


def _under_way(view: View) -> Move | None:
    """The remedy that was begun last: its next step, verification or undoing, or its end."""
    if not view.tried:
        return None
    last = view.tried[-1]
    if last.due:
        return view.move(Calls(last.due), f"{last.remedy.tool or last.remedy.procedure}: {last.why}.")
    if last.state is State.SOLVED:
        return solved(view, last)
    return stopped(view, last) if last.state in {State.UNVERIFIED, State.STUCK} else None


def _looked_up(view: View) -> Move | None:
    calls = view.inputs.lookups
    if not calls:
        return None
    tools = ", ".join(dict.fromkeys(call.tool for call in calls))
    return view.move(Calls(calls), f"{tools} tells what the ticket does not say.")


def _certain(view: View) -> Move | None:
    """Act on the most likely fault when belief in it is enough for the risk of acting."""
    likely = [(fault, stand) for fault, stand in view.suspected]
    if not likely:
        return None
    fault, stand = max(likely, key=lambda each: view.belief[each[0].name])
    share, enough = view.belief[fault.name], view.tuning.act
    worth = _worth(view, stand, share)
    if worth:
        return _mend(view, worth[0], share) if share >= enough[worth[0].remedy.risk] else None
    if share < enough[Risk.READ] or (fault.remedies and all_tried(view, fault)):
        return None
    return _learn_more(view, fault, stand, share) or report(view, fault, stand, share)


def _worth(view: View, stand: Standing, share: float) -> list[Option]:
    """The remedies that are worth more than a person's time, best first."""
    found = options(stand, share, view)
    return [option for option in found if option.utility > view.tuning.person]


def _mend(view: View, option: Option, share: float) -> Move:
    remedy = option.remedy
    reason = (
        f"{option.fault.name} is {share:.0%} likely, and {remedy.tool or remedy.procedure} mends it in"
        f" {remedy.succeeds:.0%} of cases: expected utility {option.utility:.0f}, a person's {view.tuning.person:g}."
    )
    return view.move(Calls((option.call,)), reason)


def _learn_more(view: View, fault: Fault, stand: Standing, share: float) -> Move | None:
    """A likely fault whose remedy, or whose report, needs what another of its checks finds."""
    looks = [look for look in stand.open if not view.history.given_up(look.check.tool, look.arguments)]
    wanted = (wanted_by(fault) | stand.waits_for) - set(stand.scope.found)
    look = max(looks, key=lambda each: len(wanted & set(each.check.finds)), default=None)
    if look is None or not wanted & set(look.check.finds) or (fault.remedies and all_tried(view, fault)):
        return None
    call = Call(look.check.tool, look.arguments, look.origins, Purpose.CHECK, fault.name)
    return view.move(Calls((call,)), f"{fault.name} is {share:.0%} likely; what {call.tool} tells is needed to go on.")


def _look(view: View) -> Move | None:
    """The look that tells most for its cost."""
    found = probes(view.standings, view.history)
    worths = [worth for worth in ranked(found, view.belief) if worth.bits >= view.tuning.least_bits]
    if not worths:
        return _unblock(view, found)
    taken = chosen(worths, view.tuning)
    calls = tuple(_call(view, worth.probe) for worth in taken)
    return view.move(Calls(calls), words.why_looks(taken, view.belief))


def _unblock(view: View, found: Sequence[Probe]) -> Move | None:
    """A look that tells nothing by itself may be what other checks of its module wait for."""
    wanted = {each.hypothesis: each.waits_for for each in view.standings}
    useful = [
        probe
        for probe in found
        if any(set(check.finds) & wanted.get(hypothesis, frozenset()) for hypothesis, check in probe.conditions.items())
    ]
    if not useful:
        return None
    probe = min(useful, key=lambda each: each.cost)
    return view.move(Calls((_call(view, probe),)), f"Other checks wait for what {probe.tool} finds.")


def _call(view: View, probe: Probe) -> Call:
    likely = max(probe.conditions, key=lambda name: view.belief.get(name, 0))
    stand = view.of(likely)
    return Call(probe.tool, probe.arguments, probe.origins, Purpose.CHECK, stand.module.name if stand else likely)


def _likely(view: View) -> Move | None:
    """No look tells more: of the faults that a check spoke for, mend the one worth most, if worth more than a person.

    Each is weighed by its own checks alone, since several may be there at once.
    """
    found = [option for _, stand in view.suspected for option in _worth(view, stand, stand.alone)]
    if found:
        best = max(found, key=lambda option: option.utility)
        alone = {fault.name: stand.alone for fault, stand in view.suspected}
        return _mend(view, best, alone[best.fault.name])
    for fault, stand in view.likely:
        move = _learn_more(view, fault, stand, stand.alone) or report(view, fault, stand, stand.alone)
        if move:
            return move
    return None


def _ask(view: View) -> Move | None:
    asked = question_to_customer(view.blocked, view.library)
    if asked is None:
        return None
    return view.move(asked, f"Only the customer can say: {', '.join(asked.missing)}.")
