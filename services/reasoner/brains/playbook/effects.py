"""What calls changed, and how it is put back."""

from collections.abc import Sequence
from dataclasses import dataclass

from aivis.events.actions import Origin, Purpose
from aivis.events.envelope import JsonObject
from aivis.modules.expressions import Scope, Undecided, arguments, holds
from aivis.modules.schema import Undo
from services.reasoner.brains.playbook.history import History
from services.reasoner.brains.playbook.moves import Call


@dataclass(frozen=True)
class Effect:
    """A call that may have changed something."""

    tool: str
    arguments: JsonObject
    origins: dict[str, Origin]
    result: JsonObject
    action: str
    undo: Undo | bool | None
    scope: Scope
    """What its undo may refer to."""


@dataclass(frozen=True)
class WayBack:
    """How far the undoing of effects has come."""

    due: Call | None = None
    failed: str = ""
    """Why an undo failed: a person must put it back."""
    undone: int = 0
    left: int = 0
    """Effects that nothing puts back."""


def way_back(effects: Sequence[Effect], history: History, module: str) -> WayBack:
    """Undo effects one at a time, last first."""
    undone = left = 0
    for effect in reversed(effects):
        call = undo_call(effect, module)
        if call is None:
            left += 1
            continue
        seen = history.undone(effect.action)
        if seen is None:
            return WayBack(due=call)
        if seen.result is None:
            return WayBack(failed=f"{call.tool}: {seen.failure}")
        undone += 1
    return WayBack(undone=undone, left=left)


def undo_call(effect: Effect, module: str) -> Call | None:
    """The call that puts `effect` back; None when there is none, or nothing was changed."""
    if effect.undo is None or effect.undo is False:
        return None
    if effect.undo is True:
        return Call(effect.tool, effect.arguments, effect.origins, Purpose.UNDO, module, effect.action)
    seen = effect.scope.answered(effect.result)
    if holds(effect.undo.when, seen) is False:
        return None
    try:
        values, origins = arguments(effect.undo.with_, seen)
    except Undecided:
        return None
    return Call(effect.undo.tool, values, origins, Purpose.UNDO, module, effect.action)
