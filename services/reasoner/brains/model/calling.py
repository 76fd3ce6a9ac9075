"""A tool that the model wants called: what for, with values from where, and how far the executor may go alone."""

from collections.abc import Sequence

from aivis.errors import Invalid
from aivis.events.actions import Autonomy, Purpose
from aivis.events.envelope import JsonObject
from aivis.modules.catalogue import DeclaredTool
from aivis.toolkit.declaration import Risk
from services.reasoner.brains.model.origins import origins
from services.reasoner.brains.model.situation import Situation
from services.reasoner.brains.playbook.moves import Call, Observation

_LOOK_AGAIN = 15.0
"""Seconds before the same look is taken once more after a change: what is being changed needs time."""
_MOST_FAILURES = 2


def call(tool: DeclaredTool, arguments: JsonObject, situation: Situation) -> Call:
    """The call. Where the playbook would make the very same one it is the playbook's, with its module and origins."""
    planned = situation.grounds.same(tool.name, arguments)
    if tool.risk is Risk.READ:
        return planned or _look(tool, arguments, situation)
    unfinished = situation.grounds.unfinished
    if unfinished is not None and unfinished != planned:
        raise Invalid(f"it called {tool.name} although the change before it is not finished: {unfinished.tool} is due")
    return planned or _change(tool, arguments, situation)


def _look(tool: DeclaredTool, arguments: JsonObject, situation: Situation) -> Call:
    """The first look after a change verifies; the same once more is a check that may tell nothing new."""
    change = situation.last_change
    again = change is not None and bool(_same(situation.after(change), tool.name, arguments))
    return Call(
        tool=tool.name,
        arguments=arguments,
        origins=origins(arguments, situation.problem),
        purpose=Purpose.CHECK if change is None or again else Purpose.VERIFY,
        delay=_LOOK_AGAIN if again else 0,
    )


def _change(tool: DeclaredTool, arguments: JsonObject, situation: Situation) -> Call:
    """A change that no module asks for now; one for good is never made without an expert's word."""
    if not situation.after(None):
        raise Invalid(f"it called {tool.name} before it looked at anything")
    if _same(situation.changes, tool.name, arguments):
        raise Invalid(f"it called {tool.name} once more with the same arguments: that was done already")
    failed = [seen for seen in _same(situation.observations, tool.name, arguments) if seen.result is None]
    if any(seen.forbidden for seen in failed):
        raise Invalid(f"it called {tool.name} once more with the same arguments: that is not allowed")
    if len(failed) >= _MOST_FAILURES:
        raise Invalid(f"it called {tool.name} once more with the same arguments: that failed {len(failed)} times")
    return Call(
        tool=tool.name,
        arguments=arguments,
        origins=origins(arguments, situation.problem),
        purpose=Purpose.REMEDY,
        autonomy=Autonomy.COPILOT if tool.risk is Risk.DESTRUCTIVE else Autonomy.AUTOPILOT,
    )


def _same(observations: Sequence[Observation], tool: str, arguments: JsonObject) -> list[Observation]:
    return [seen for seen in observations if (seen.tool, seen.arguments) == (tool, arguments)]
