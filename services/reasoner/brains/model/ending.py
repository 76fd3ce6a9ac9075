"""How the model ends a subtask, or takes a change back: believed only as far as the results and modules bear it out."""

from typing import Any

from aivis.errors import Invalid
from aivis.events.actions import Purpose
from aivis.events.envelope import JsonObject
from aivis.events.escalations import EscalationReason
from services.reasoner.brains.model import context, schemas
from services.reasoner.brains.model.situation import Situation
from services.reasoner.brains.playbook.deciding import is_operation
from services.reasoner.brains.playbook.moves import Ask, Call, Calls, Finding, GiveUp, Move, Observation, Solved
from services.reasoner.brains.playbook.words import called_with


def move(name: str, arguments: JsonObject, reason: str, situation: Situation) -> Move:
    """The move of a tool that ends the subtask or undoes; `Invalid` when what is known speaks against it."""
    made = {schemas.FINISH: _finish, schemas.ASK: _ask, schemas.GIVE_UP: _give_up, schemas.UNDO: _undo}[name]
    moved = made(arguments, situation)
    why = reason or str(arguments.get("reason") or arguments.get("finding") or moved.reason)
    return Move(moved.next, why, situation.grounds.move.hypotheses)


def _finish(arguments: JsonObject, situation: Situation) -> Move:
    agreed, finding, fault = situation.grounds.move.next, arguments["finding"], arguments["fault"]
    if isinstance(agreed, Solved):
        return Move(Solved(agreed.module, finding), "")
    if not situation.after(None):
        raise Invalid("it finished without having looked at anything")
    if is_operation(situation.problem.subtask, situation.problem.library):
        raise Invalid(f"it finished, but the procedure is not done: {situation.grounds.move.reason}")
    _nothing_speaks_against_it("it finished", situation)
    if situation.changes:
        _helped(situation.changes[-1], situation)
        return Move(Solved("", finding), "")
    if isinstance(agreed, Finding):
        return Move(Finding(agreed.module, finding, agreed.checked), "")
    if fault not in situation.grounds.explained:
        raise Invalid(f"it finished, but nothing that was seen shows {fault or 'that nothing is wrong'}")
    checked = (f"{seen.tool}({called_with(seen.arguments)})" for seen in situation.after(None))
    return Move(Finding(fault, finding, tuple(dict.fromkeys(checked))), "")


def _nothing_speaks_against_it(what: str, situation: Situation) -> None:
    _not_in_the_middle(what, situation)
    remedy = situation.grounds.remedy(situation.catalogue)
    if remedy is not None:
        raise Invalid(f"{what}, but the results show {remedy.module}, against which {remedy.tool} is due")


def _helped(change: Observation, situation: Situation) -> None:
    """A change that no module's look confirms helped when a module sees that nothing is wrong now."""
    agreed = situation.grounds.move.next
    if not isinstance(agreed, Finding) or agreed.module:
        raise Invalid(f"it finished, but nothing confirms that {change.tool} helped")


def _ask(arguments: JsonObject, situation: Situation) -> Move:
    _not_in_the_middle("it asked the customer", situation)
    return Move(Ask((), tuple(arguments["questions"])), "Only the customer knows what is missing.")


def _not_in_the_middle(what: str, situation: Situation) -> None:
    if situation.grounds.unfinished is not None:
        raise Invalid(f"{what}, but a change is not finished: {situation.grounds.unfinished.tool} is due")
    if isinstance(situation.grounds.move.next, Solved):
        raise Invalid(f"{what}, but the subtask is done: {situation.grounds.move.reason}")


def _give_up(arguments: JsonObject, situation: Situation) -> Move:
    """Not before the modules have nothing left to look at, to mend, or to put back."""
    _nothing_speaks_against_it("it gave up", situation)
    if situation.grounds.due:
        raise Invalid(f"it gave up, but there is more to do: {situation.grounds.due[0].tool}")
    why = EscalationReason.REMEDY_FAILED if situation.changes else EscalationReason.NO_FAULT_FOUND
    if any(seen.forbidden for seen in situation.observations):
        why = EscalationReason.APPROVAL
    parts: dict[str, Any] = {part: tuple(arguments[part]) for part in ("known", "tried", "proposed")}
    return Move(GiveUp(why, arguments["reason"], **parts), "")


def _undo(arguments: JsonObject, situation: Situation) -> Move:
    found = [seen for n, seen in enumerate(situation.observations) if context.call_id(n) == arguments["call"]]
    if not found or found[0] not in situation.changes:
        raise Invalid(f"it wants to undo {arguments['call']}: no call of that id changed anything that still stands")
    seen, unfinished = found[0], situation.grounds.unfinished
    tool = situation.catalogue.get(seen.tool)
    if tool is None or not tool.undoable:
        raise Invalid(f"it wants to undo {seen.tool}, which has no undo")
    if unfinished is not None and unfinished.undoes != seen.action:
        raise Invalid(f"it wants to undo {seen.tool}, but {unfinished.tool} is due first")
    if isinstance(situation.grounds.move.next, Solved):
        raise Invalid(f"it wants to undo {seen.tool}, which helped")
    if any(each.undoes == seen.action for each in situation.observations):
        raise Invalid(f"it wants to undo {seen.tool} once more: that failed before")
    back = Call(seen.tool, seen.arguments, dict(seen.origins), Purpose.UNDO, seen.module, undoes=seen.action)
    return Move(Calls((back,)), f"Put back what {seen.tool} changed.")
