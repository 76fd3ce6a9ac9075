"""A procedure followed against the observations, and a verification that may take several tries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from aivis.events.actions import Purpose
from aivis.events.envelope import JsonObject
from aivis.modules.expressions import Scope, Undecided, arguments, holds, origins
from aivis.modules.schema import Procedure, Step, Verify
from aivis.modules.walking import Answer, Walk, walk
from services.reasoner.brains.playbook.effects import Effect
from services.reasoner.brains.playbook.history import History
from services.reasoner.brains.playbook.moves import Call, Observation


@dataclass(frozen=True)
class Followed:
    """Where a procedure stands."""

    walk: Walk
    effects: tuple[Effect, ...]
    last: int
    """Index of the last observation it took; -1 before the first."""
    due: Call | None


def follow(procedure: Procedure, scope: Scope, history: History, module: str, start: int = 0) -> Followed:
    """Follow `procedure` against the remedy observations of `module` from index `start` on."""
    queue = [
        (index, each)
        for index, each in enumerate(history.observations)
        if index >= start and each.purpose is Purpose.REMEDY and each.module == module
    ]
    taken = -1

    def answer(step: Step, _: JsonObject) -> Answer | None:
        nonlocal taken
        if not queue or queue[0][1].tool != step.tool:
            return None
        taken, seen = queue.pop(0)
        return Answer(seen.result, seen.failure, seen.action, seen.forbidden)

    walked = walk(procedure, scope, answer)
    return Followed(walked, _effects(walked), taken, _due(walked, module))


def _effects(walked: Walk) -> tuple[Effect, ...]:
    return tuple(
        Effect(
            tool=each.step.tool,
            arguments=each.arguments,
            origins=origins(each.step.with_, walked.scope),
            result=each.answer.result or {},
            action=each.answer.action,
            undo=each.step.undo,
            scope=walked.scope,
        )
        for each in walked.done
    )


def _due(walked: Walk, module: str) -> Call | None:
    due = walked.due
    if due is None:
        return None
    return Call(due.step.tool, due.arguments, due.origins, Purpose.REMEDY, module, delay=due.delay)


@dataclass(frozen=True)
class Verdict:
    """What a fresh look said: `good` is None when it could not be made; with `due` it is still open."""

    good: bool | None = None
    due: Call | None = None
    note: str = ""


def looks_of(verifies: Sequence[Verify], scope: Scope) -> Iterator[tuple[str, JsonObject]]:
    """The tool and arguments of each look that a verification takes, where they are known."""
    for verify in verifies:
        if holds(verify.when, scope):
            try:
                yield verify.tool, arguments(verify.with_, scope)[0]
            except Undecided:
                continue


def verdict(verifies: Sequence[Verify], scope: Scope, fresh: History, module: str) -> Verdict:
    """Judge by the looks in `fresh`, which holds only what came after the effect; all must hold."""
    for verify in verifies:
        if holds(verify.when, scope):
            judged = _verdict(verify, scope, fresh, module)
            if not judged.good:
                return judged
    return Verdict(good=True)


def _verdict(verify: Verify, scope: Scope, fresh: History, module: str) -> Verdict:
    try:
        values, known = arguments(verify.with_, scope)
    except Undecided as error:
        return Verdict(note=f"{verify.tool} cannot be called: {error}")
    call = Call(verify.tool, values, known, Purpose.VERIFY, module)
    looks = [each for each in fresh.observations if _is_look(each, call)]
    seen = [each.result for each in looks if each.result is not None][: verify.tries]
    if any(holds(verify.expect, scope.answered(result)) for result in seen):
        return Verdict(good=True)
    if len(seen) == verify.tries:
        return Verdict(good=False, note=f"this does not hold: {verify.expect}")
    if fresh.given_up(call.tool, call.arguments):
        return Verdict(note=looks[-1].failure)
    return Verdict(due=replace(call, delay=verify.wait if looks else 0))


def _is_look(seen: Observation, call: Call) -> bool:
    looks = {Purpose.VERIFY, Purpose.CHECK}
    return seen.tool == call.tool and seen.arguments == call.arguments and seen.purpose in looks
