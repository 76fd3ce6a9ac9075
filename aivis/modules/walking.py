"""How far a procedure has come: its steps followed against the answers that the tools gave."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from aivis.events.actions import Origin
from aivis.events.envelope import JsonObject
from aivis.modules.expressions import Scope, Undecided, arguments, holds, render
from aivis.modules.schema import Procedure, Step


@dataclass(frozen=True)
class Answer:
    """What a tool said to one step."""

    result: JsonObject | None
    failure: str = ""
    action: str = ""
    forbidden: bool = False


Answers = Callable[[Step, JsonObject], Answer | None]
"""The next answer to a step called with these arguments; None when it was not called yet, or not that often."""


@dataclass(frozen=True)
class Done:
    """A step that was carried out, whether or not its `expect` holds."""

    step: Step
    arguments: JsonObject
    answer: Answer


@dataclass(frozen=True)
class Due:
    """A step to carry out now."""

    step: Step
    arguments: JsonObject
    origins: dict[str, Origin]
    delay: float
    """Seconds to wait before."""


@dataclass(frozen=True)
class Walk:
    """Where a procedure stands: one of `due` and `failed`, or neither when all steps are done."""

    scope: Scope
    done: tuple[Done, ...] = ()
    due: Due | None = None
    failed: Step | None = None
    why: str = ""
    forbidden: bool = False

    @property
    def complete(self) -> bool:
        return self.due is None and self.failed is None


def walk(procedure: Procedure, scope: Scope, answers: Answers) -> Walk:
    """Follow the steps in order as far as the answers reach."""
    state = Walk(scope)
    for step in procedure.steps:
        if holds(step.when, state.scope) is False:
            continue
        state = _take(state, step, answers)
        if not state.complete:
            return state
    return state


def _take(state: Walk, step: Step, answers: Answers) -> Walk:
    try:
        values, origins = arguments(step.with_, state.scope)
    except Undecided as error:
        return replace(state, failed=step, why=f"{step.tool} cannot be called: {error}")
    why, forbidden = "", False
    for turn in range(step.tries):
        answer = answers(step, values)
        if answer is None:
            return replace(state, due=Due(step, values, origins, step.wait if turn else 0))
        if answer.result is None:
            why, forbidden = f"{step.tool} failed: {answer.failure}", answer.forbidden
            if forbidden:
                break
            continue
        seen = state.scope.answered(answer.result).learn(step.finds)
        state = replace(state, done=(*state.done, Done(step, values, answer)), scope=replace(seen, result=None))
        if holds(step.expect, seen):
            return state
        why = render(step.otherwise, seen) if step.otherwise else f"after {step.tool} this does not hold: {step.expect}"
    return replace(state, failed=step, why=why, forbidden=forbidden)
