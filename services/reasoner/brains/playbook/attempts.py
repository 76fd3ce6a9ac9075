"""Remedies that were begun: what each did, whether it helped, and what is due for it now.

An attempt is carried out, verified by a fresh look, and, when the symptom stays, kept if the fault's own checks say
that the fault is gone (another one hides behind it), or else put back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from aivis.events.actions import Purpose
from aivis.events.envelope import JsonObject
from aivis.modules.evidence import standing
from aivis.modules.expressions import Scope, Undecided, arguments, holds, origins
from aivis.modules.library import Library
from aivis.modules.schema import Check, Fault, Remedy
from services.reasoner.brains.playbook.effects import Effect, way_back
from services.reasoner.brains.playbook.following import follow, verdict
from services.reasoner.brains.playbook.history import History
from services.reasoner.brains.playbook.moves import Call, Observation


class State(StrEnum):
    """Where an attempt stands."""

    UNDER_WAY = "under way"
    SOLVED = "verified"
    MENDED = "mended its fault, but the symptom stayed"
    UNDONE = "did not help, and was undone"
    LEFT = "did not help, and cannot be undone"
    FAILED = "could not be carried out"
    FORBIDDEN = "was not allowed"
    UNVERIFIED = "was done, but could not be verified"
    STUCK = "did not help, and undoing it failed"


@dataclass(frozen=True)
class Attempt:
    """One remedy, begun."""

    fault: Fault
    remedy: Remedy
    scope: Scope
    """What was known when it was begun."""
    start: int
    """Index of its first observation."""
    end: int
    """Index of its last effect's observation."""
    effects: tuple[Effect, ...] = ()
    state: State = State.UNDER_WAY
    due: tuple[Call, ...] = ()
    why: str = ""
    """Of what is due: the reason, in words."""
    note: str = ""
    """Of the state: more, in words."""

    @property
    def open(self) -> bool:
        return self.state is State.UNDER_WAY and not self.due

    def __str__(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return f"{self.remedy.tool or self.remedy.procedure} against {self.fault.name} {self.state}{note}"


@dataclass(frozen=True)
class Setting:
    """What attempts are followed against."""

    library: Library
    scope: Scope
    history: History


def attempts(faults: Sequence[Fault], setting: Setting) -> tuple[Attempt, ...]:
    """Every remedy begun so far, oldest first; only the last one can have something due."""
    begun = _all_begun(faults, setting)
    ends = [each.start for each in begun[1:]] + [len(setting.history.observations)]
    return tuple(_followed(each, end, setting) for each, end in zip(begun, ends, strict=False))


def _all_begun(faults: Sequence[Fault], setting: Setting) -> list[Attempt]:
    by_name = {fault.name: fault for fault in faults}
    found: list[Attempt] = []
    for index, seen in enumerate(setting.history.observations):
        fault = by_name.get(seen.module)
        fresh = not found or index > found[-1].end
        if seen.purpose is Purpose.REMEDY and fault is not None and fresh:
            attempt = _begun(fault, seen, index, setting)
            found += [attempt] if attempt else []
    return found


def _begun(fault: Fault, seen: Observation, index: int, setting: Setting) -> Attempt | None:
    scope = standing(fault, setting.scope, setting.history.before(index).seen).scope
    for remedy in fault.remedies:
        if holds(remedy.when, scope) is not False and seen.tool in _tools(remedy, setting.library):
            return _carried_out(Attempt(fault, remedy, scope, index, index), setting)
    return None


def _tools(remedy: Remedy, library: Library) -> set[str]:
    return {step.tool for step in library.procedure(remedy.procedure).steps} if remedy.procedure else {remedy.tool}


def _carried_out(attempt: Attempt, setting: Setting) -> Attempt:
    if attempt.remedy.procedure:
        return _followed_procedure(attempt, setting)
    seen = setting.history.observations[attempt.start]
    if seen.result is None:
        state = State.FORBIDDEN if seen.forbidden else State.FAILED
        return replace(attempt, state=state, note=seen.failure)
    effect = Effect(
        tool=seen.tool,
        arguments=seen.arguments,
        origins=origins(attempt.remedy.with_, attempt.scope),
        result=seen.result,
        action=seen.action,
        undo=attempt.remedy.undo,
        scope=attempt.scope,
    )
    return replace(attempt, effects=(effect,))


def _followed_procedure(attempt: Attempt, setting: Setting) -> Attempt:
    procedure = setting.library.procedure(attempt.remedy.procedure)
    try:
        scope = procedure_scope(attempt.remedy, attempt.scope)
    except Undecided as error:
        return replace(attempt, state=State.FAILED, note=str(error))
    followed = follow(procedure, scope, setting.history, attempt.fault.name, attempt.start)
    attempt = replace(attempt, effects=followed.effects, end=max(attempt.start, followed.last))
    if followed.due:
        return replace(attempt, due=(followed.due,), why=f"the next step of {procedure.name}")
    if followed.walk.failed is None:
        return attempt
    state = State.FORBIDDEN if followed.walk.forbidden else State.FAILED
    return put_back(replace(attempt, note=followed.walk.why), setting.history, then=state)


def procedure_scope(remedy: Remedy, scope: Scope) -> Scope:
    """What a procedure that a remedy runs may refer to: the ticket's inputs, and what the remedy gives."""
    values, known = arguments(remedy.with_, scope)
    return Scope(ticket={**scope.ticket, **values}, ticket_origins={**scope.ticket_origins, **known})


def _followed(attempt: Attempt, end: int, setting: Setting) -> Attempt:
    fresh = setting.history.between(attempt.end, end)
    if attempt.open:
        attempt = _verified(attempt, fresh)
    if attempt.open:
        attempt = _confirmed(attempt, fresh, setting)
    return put_back(attempt, setting.history, then=State.UNDONE) if attempt.open else attempt


def _verified(attempt: Attempt, fresh: History) -> Attempt:
    judged = verdict(attempt.remedy.verify, attempt.scope, fresh, attempt.fault.name)
    if judged.due:
        return replace(attempt, due=(judged.due,), why="only a fresh look tells whether it helped")
    if judged.good is None:
        return replace(attempt, state=State.UNVERIFIED, note=judged.note)
    return replace(attempt, state=State.SOLVED) if judged.good else attempt


def _confirmed(attempt: Attempt, fresh: History, setting: Setting) -> Attempt:
    """Look again with the check that spoke loudest for the fault: it may be gone, and another one hide behind it."""
    before = standing(attempt.fault, setting.scope, setting.history.before(attempt.start).seen)
    spoke = [each.look for each in before.readings if each.present]
    if not spoke:
        return attempt
    loudest = max(spoke, key=lambda look: look.check.strength)
    result = fresh.seen(loudest.check.tool, loudest.arguments)
    if result is None and not fresh.given_up(loudest.check.tool, loudest.arguments):
        call = Call(loudest.check.tool, loudest.arguments, loudest.origins, Purpose.VERIFY, attempt.fault.name)
        why = f"the symptom stays: {attempt.fault.name} may be gone, with another cause behind it"
        return replace(attempt, due=(call,), why=why)
    gone = result is not None and _speaks(loudest.check, attempt.scope, result) is False
    return replace(attempt, state=State.MENDED) if gone else attempt


def _speaks(check: Check, scope: Scope, result: JsonObject) -> bool | None:
    return holds(check.when_present, scope.answered(result).learn(check.finds))


def put_back(attempt: Attempt, history: History, *, then: State) -> Attempt:
    """Undo the attempt's effects; its state when all are undone is `then`."""
    back = way_back(attempt.effects, history, attempt.fault.name)
    if back.due:
        return replace(attempt, state=State.UNDER_WAY, due=(back.due,), why="it did not help: it is put back")
    if back.failed:
        return replace(attempt, state=State.STUCK, note=back.failed)
    left = then is State.UNDONE and not back.undone and bool(attempt.effects)
    return replace(attempt, state=State.LEFT if left else then)
