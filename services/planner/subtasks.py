"""Subtasks: problems with their inputs, symptoms, dependencies, and ids that stay the same from plan to plan."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aivis.events.envelope import JsonObject
from aivis.events.plans import AgentName, Subtask
from services.planner.domain import Domain, Intent
from services.planner.inputs import Inputs, Sources, Values
from services.planner.problems import Problem

_ID = re.compile(r"^s(\d+)$")
_SLOT = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Draft:
    """A subtask without its id."""

    intent: str
    inputs: Values
    symptoms: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    sequel: bool = False
    after: tuple[int, ...] = ()
    """Places of the drafts that must end before."""

    def shares_thing(self, other: "Draft", resources: frozenset[str]) -> bool:
        """Whether both name the same thing."""
        return any(
            self.inputs[name] == other.inputs[name] for name in resources.intersection(self.inputs, other.inputs)
        )


def drafts(found: Sequence[Problem], domain: Domain, sources: Sources) -> list[Draft]:
    """The subtasks of all problems, in order; the same wish told twice is one."""
    made: list[Draft] = []
    for problem in found:
        intent = domain.intent(problem.intent)
        for found_values in Inputs(problem, intent, sources).sets():
            values = {**found_values, **_question(problem, intent)}
            if not any(draft.intent == problem.intent and draft.inputs == values for draft in made):
                made.append(Draft(problem.intent, values, _symptoms(problem, domain), sequel=problem.sequel))
    return made


def _question(problem: Problem, intent: Intent) -> Values:
    return {intent.question: " ".join(unit.text for unit in problem.units)} if intent.question else {}


def _symptoms(problem: Problem, domain: Domain) -> tuple[str, ...]:
    """Symptoms that the problem's units show; what its intent stands for when they show none."""
    found: list[str] = []
    told = {unit.intent for unit in problem.units} | {problem.intent}
    for name, symptom in domain.routing.symptoms.items():
        if not told.intersection(symptom.intents):
            continue
        for unit in problem.units:
            shown = any(set(unit.concepts).issuperset(concepts) for concepts in symptom.shown_by)
            if shown and not set(unit.concepts).intersection(symptom.unless):
                found.append(name)
    return tuple(dict.fromkeys(found)) or domain.intent(problem.intent).symptoms


def ordered(made: Sequence[Draft], domain: Domain) -> list[Draft]:
    """The drafts with what each waits for.

    Of two about the same thing the later waits for the earlier where one of them changes the thing, unless the domain
    says which goes first; "then" waits for what was said before it.
    """
    found = []
    for place, draft in enumerate(made):
        before = [other for other in range(len(made)) if other != place and _first(made, other, place, domain)]
        found.append(replace(draft, after=tuple(before)))
    return found


def _first(made: Sequence[Draft], other: int, place: int, domain: Domain) -> bool:
    """Whether the draft at `other` goes before the one at `place`."""
    mine, theirs = made[place], made[other]
    same_thing = mine.shares_thing(theirs, domain.resources)
    if same_thing and theirs.intent in domain.intent(mine.intent).after:
        return True
    if same_thing and mine.intent in domain.intent(theirs.intent).after:
        return False
    if other > place:
        return False
    changes = any(domain.intent(draft.intent).agent is AgentName.OPERATIONS for draft in (mine, theirs))
    return (same_thing and changes) or (mine.sequel and other == place - 1)


def missing(made: Sequence[Draft], domain: Domain) -> tuple[str, ...]:
    """Required inputs that are nowhere to be had; of alternatives the first is asked for."""
    found = [
        alternatives.split("|")[0]
        for draft in made
        for alternatives in domain.intent(draft.intent).required
        if not any(name in draft.inputs for name in alternatives.split("|"))
    ]
    return tuple(dict.fromkeys(found))


def numbered(
    made: Sequence[Draft], current: Sequence[Subtask], facts: JsonObject, domain: Domain
) -> tuple[Subtask, ...]:
    """The drafts as subtasks; one that was in the current plan keeps its id, and no id is given twice."""
    ids = _ids(made, current, facts, domain)
    return tuple(
        Subtask(
            id=ids[place],
            goal=goal(domain.intent(draft.intent), draft.inputs),
            agent=domain.intent(draft.intent).agent or AgentName.KNOWLEDGE,
            intent=draft.intent,
            inputs=dict(draft.inputs),
            symptoms=draft.symptoms,
            modules=draft.modules,
            after=tuple(ids[other] for other in draft.after),
        )
        for place, draft in enumerate(made)
    )


def _ids(made: Sequence[Draft], current: Sequence[Subtask], facts: JsonObject, domain: Domain) -> dict[int, str]:
    ids: dict[int, str] = {}
    free = list(current)
    for exactly in (True, False):
        for place, draft in enumerate(made):
            same = next((old for old in free if place not in ids and _same(draft, old, domain, exactly=exactly)), None)
            if same is not None:
                ids[place] = same.id
                free.remove(same)
    used = [int(match[1]) for name in [*(old.id for old in current), *facts] if (match := _ID.match(name))]
    highest = max(used, default=0)
    for place in range(len(made)):
        if place not in ids:
            highest += 1
            ids[place] = f"s{highest}"
    return ids


def _same(draft: Draft, old: Subtask, domain: Domain, *, exactly: bool) -> bool:
    """Whether it is the same problem: the same intent about the same thing, so far as both name it."""
    if draft.intent != old.intent:
        return False
    if exactly:
        return bool(draft.inputs == old.inputs)
    both = [name for name in domain.resources if name in draft.inputs and name in old.inputs]
    return all(draft.inputs[name] == old.inputs[name] for name in both)


def goal(intent: Intent, inputs: Mapping[str, object]) -> str:
    """The intent's goal with the inputs' values; where none is known, the words behind the last bar."""

    def filled(slot: re.Match[str]) -> str:
        *names, words = slot[1].split("|")
        return next((str(inputs[name]) for name in [*names, words] if name in inputs), words)

    return _SLOT.sub(filled, intent.goal)
