"""Where the values that a model wrote stand already: what stands nowhere is its own invention, which is `text`."""

from collections.abc import Iterator
from typing import Any

from aivis.events.actions import Origin
from aivis.events.envelope import JsonObject
from services.reasoner.agents.agent import Problem
from services.reasoner.brains.playbook.moves import Observation

_TRUST = tuple(Origin)
"""Most trusted first."""


def origins(arguments: JsonObject, problem: Problem) -> dict[str, Origin]:
    """The origin of each argument."""
    return {name: _origin(name, value, problem) for name, value in arguments.items()}


def _origin(name: str, value: Any, problem: Problem) -> Origin:
    """A list or an object is as good as the worst of what it holds; an empty one is the model's own."""
    if isinstance(value, dict):
        return _worst(_origin(inner, each, problem) for inner, each in value.items())
    if isinstance(value, list):
        return _worst(_origin(name, each, problem) for each in value)
    for given, said in problem.subtask.inputs.items():
        if _same(value, said) and (given == name or not isinstance(value, bool)):
            return problem.origins.get(given, Origin.TICKET)
    if any(_shows(each.result, name, value) for each in problem.observations if _is_of_the_ticket(each)):
        return Origin.RESULT
    return Origin.TEXT


def _worst(found: Iterator[Origin]) -> Origin:
    return max(found, key=_TRUST.index, default=Origin.TEXT)


def _is_of_the_ticket(seen: Observation) -> bool:
    """Whether the call asked about what the ticket names, or what followed from it.

    A list of everything there is shows the ids of other customers' things too: it binds nothing.
    """
    naming = [seen.origins.get(name, Origin.TEXT) for name, value in seen.arguments.items() if isinstance(value, str)]
    return seen.result is not None and bool(naming) and Origin.TEXT not in naming


def _shows(tree: Any, name: str, value: Any, under: str = "") -> bool:
    """Whether `value` stands in `tree`; a number or a truth value only where it has the same name."""
    if isinstance(tree, dict):
        return any(_shows(child, name, value, key) for key, child in tree.items())
    if isinstance(tree, list):
        return any(_shows(child, name, value, under) for child in tree)
    return _same(tree, value) and (isinstance(value, str) or under == name)


def _same(one: Any, other: Any) -> bool:
    """Equal, and of one type: to Python True is 1."""
    return type(one) is type(other) and bool(one == other) and one is not None and one != ""
