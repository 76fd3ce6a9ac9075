"""Problems: units that are about the same thing, together; each problem becomes one subtask or several alike."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aivis.events.plans import Route, Scenario
from services.planner.domain import Domain
from services.planner.reading import Unit

_MAY_BE = 0.02
"""Probability from which a symptom without a thing of its own is taken to belong to the problem before it."""


@dataclass(frozen=True)
class Problem:
    """One thing that a ticket wants."""

    intent: str
    units: tuple[Unit, ...]
    probability: float
    sequel: bool = False

    def values(self, names: frozenset[str]) -> dict[str, frozenset[str]]:
        """What the units name, of the inputs `names`."""
        found: dict[str, set[str]] = {}
        for unit in self.units:
            for mention in unit.mentions:
                for name, value in mention.values.items():
                    if name in names:
                        found.setdefault(name, set()).add(str(value))
        return {name: frozenset(values) for name, values in found.items()}


def problems(units: Sequence[Unit], domain: Domain) -> list[Problem]:
    """The problems that `units` tell of, in their order.

    A subject's unit counts only where the text has none: a headline of three words is easily misread. What is for
    people must be quite clear to stand beside what the agent can do.
    """
    wanting = [unit for unit in units if unit.intent is not None]
    body = [unit for unit in wanting if not unit.subject] or wanting
    sure = [
        unit
        for unit in body
        if _for_the_agent(unit, domain) or unit.guess.probability >= domain.routing.thresholds.clause
    ]
    found: list[Problem] = []
    for unit in sure if any(_for_the_agent(unit, domain) for unit in body) else body:
        own = Problem(unit.intent or "", (unit,), unit.guess.probability, unit.sequel)
        found = _joined(found, own, domain)
    return found


def _for_the_agent(unit: Unit, domain: Domain) -> bool:
    return unit.intent is not None and domain.intent(unit.intent).route is Route.AGENT


def _joined(found: list[Problem], new: Problem, domain: Domain) -> list[Problem]:
    """`found` with `new`: part of one of them, or one more."""
    for place, old in enumerate(found):
        if not _same_things(old, new, domain.resources):
            continue
        intent = _joint(old, new, domain)
        if intent is not None:
            probability = max(each.probability for each in (old, new) if each.intent == intent)
            merged = replace(old, intent=intent, units=(*old.units, *new.units), probability=probability)
            return [*found[:place], merged, *found[place + 1 :]]
    return [*found, new]


def _joint(old: Problem, new: Problem, domain: Domain) -> str | None:
    """The intent of both together, or None when they are two problems."""
    if old.intent == new.intent:
        return old.intent
    if new.intent in domain.intent(old.intent).covers:
        return old.intent
    if old.intent in domain.intent(new.intent).covers:
        return new.intent
    return old.intent if _goes_on(old, new, domain) else None


def _goes_on(old: Problem, new: Problem, domain: Domain) -> bool:
    """Whether a symptom that names no thing may well be one more of the problem before it: "It times out."."""
    told = all(domain.intent(each.intent).scenario is Scenario.DIAGNOSTIC for each in (old, new))
    return told and not new.values(domain.resources) and new.units[0].guess.of(old.intent) >= _MAY_BE


def _same_things(old: Problem, new: Problem, resources: frozenset[str]) -> bool:
    """Whether they name no different things: what is not named is what was named before."""
    mine, theirs = old.values(resources), new.values(resources)
    return all(mine[name] & theirs[name] for name in mine.keys() & theirs.keys())
