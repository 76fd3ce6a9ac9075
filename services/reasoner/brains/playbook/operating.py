"""Decides the next move of an operation: a procedure, step by step, undone in reverse when a step fails."""

from dataclasses import dataclass, replace

from aivis.events.escalations import EscalationReason
from aivis.modules.expressions import Scope, holds, render
from aivis.modules.schema import Procedure
from services.reasoner.brains.playbook import candidates, words
from services.reasoner.brains.playbook.effects import way_back
from services.reasoner.brains.playbook.following import Followed, follow, verdict
from services.reasoner.brains.playbook.history import History
from services.reasoner.brains.playbook.inputs import question_to_customer, resolve, without
from services.reasoner.brains.playbook.moves import Calls, GiveUp, Move, Solved
from services.reasoner.brains.playbook.view import Question


@dataclass(frozen=True)
class Operation:
    """A procedure under way."""

    procedure: Procedure
    followed: Followed
    history: History
    scope: Scope


def operate(question: Question) -> Move:
    """The next move of the procedure that the plan names, or that serves the intent."""
    history = History(question.observations, question.tuning.most_failures)
    for procedure in candidates.procedures(question.subtask, question.library):
        inputs = resolve(
            question.subtask.inputs,
            question.origins,
            procedure.needs,
            without(question.library, procedure.said),
            history,
        )
        if holds(procedure.applies, inputs.scope) is False:
            continue
        if inputs.lookups:
            tools = ", ".join(call.tool for call in inputs.lookups)
            return Move(
                Calls(inputs.lookups), f"{tools} tells what {procedure.name} needs and the ticket does not say."
            )
        if inputs.missing:
            return _ask(question, procedure, inputs.missing, inputs.scope)
        followed = follow(procedure, inputs.scope, history, procedure.name)
        return _next(Operation(procedure, followed, history, inputs.scope))
    reason = "No procedure serves this request."
    return Move(GiveUp(EscalationReason.NOT_KNOWN, reason, proposed=(question.subtask.goal,)), reason)


def _ask(question: Question, procedure: Procedure, missing: tuple[str, ...], scope: Scope) -> Move:
    asked = question_to_customer(missing, question.library)
    if asked is None:
        reason = f"{procedure.name} needs {', '.join(missing)}, which no lookup told and the customer cannot know."
        known = words.known(scope.ticket, ())
        return Move(GiveUp(EscalationReason.NOT_KNOWN, reason, known=known, module=procedure.name), reason)
    return Move(asked, f"{procedure.name} needs {', '.join(missing)}, which only the customer can say.")


def _next(operation: Operation) -> Move:
    followed, procedure = operation.followed, operation.procedure
    if followed.due:
        step = followed.walk.due.step if followed.walk.due else None
        said = step.says if step and step.says else f"the next step is {followed.due.tool}"
        return Move(Calls((followed.due,)), f"{procedure.name}: {said}")
    if followed.walk.failed:
        why = EscalationReason.APPROVAL if followed.walk.forbidden else EscalationReason.REMEDY_FAILED
        return _back(operation, why, followed.walk.why.removesuffix("."))
    return _verified(operation)


def _verified(operation: Operation) -> Move:
    procedure, followed = operation.procedure, operation.followed
    finding = render(procedure.finding, followed.walk.scope)
    if not procedure.verify:
        return Move(Solved(procedure.name, finding), f"{procedure.name}: every step is done, and did what it should.")
    fresh = operation.history.between(followed.last, len(operation.history.observations))
    judged = verdict(procedure.verify, followed.walk.scope, fresh, procedure.name)
    if judged.due:
        return Move(Calls((judged.due,)), f"{procedure.name}: a fresh look tells whether it did what it should.")
    if judged.good:
        return Move(Solved(procedure.name, finding), f"{procedure.name}: done, and a fresh look confirms it.")
    if judged.good is None:
        return _given_up(operation, EscalationReason.REMEDY_FAILED, f"it could not be verified: {judged.note}")
    return _back(operation, EscalationReason.REMEDY_FAILED, f"all steps are done, but {judged.note}")


def _back(operation: Operation, why: EscalationReason, reason: str) -> Move:
    """Undo what was done, last step first, then hand over."""
    back = way_back(operation.followed.effects, operation.history, operation.procedure.name)
    if back.due:
        due = replace(back.due, module=operation.procedure.name)
        return Move(Calls((due,)), f"{operation.procedure.name}: {reason}; what was done is put back.")
    if back.failed:
        return _given_up(operation, why, f"{reason}; undoing failed, a person must put it back: {back.failed}")
    return _given_up(operation, why, reason + (". What was done was put back." if back.undone else ""))


def _given_up(operation: Operation, why: EscalationReason, reason: str) -> Move:
    procedure = operation.procedure
    done = tuple(f"{each.tool}({words.called_with(each.arguments)})" for each in operation.followed.effects)
    failed = operation.followed.walk.failed
    end = GiveUp(
        why=why,
        reason=f"{procedure.name}: {reason}",
        known=words.known(operation.scope.ticket, ()),
        tried=done,
        proposed=(f"go on by hand from {failed.tool}",) if failed else (),
        module=procedure.name,
    )
    return Move(end, end.reason)
