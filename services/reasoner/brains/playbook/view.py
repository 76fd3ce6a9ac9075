"""All that a decision in a diagnosis rests on, gathered from the subtask, the modules and the observations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aivis.events.actions import Origin
from aivis.events.envelope import JsonObject
from aivis.events.plans import Subtask
from aivis.modules.belief import NOTHING_WRONG, UNKNOWN_CAUSE, Belief, normalised, updated
from aivis.modules.evidence import Standing, standing
from aivis.modules.library import Library
from aivis.modules.schema import Fault
from services.reasoner.brains.playbook import candidates, words
from services.reasoner.brains.playbook.attempts import Attempt, Setting, State, attempts
from services.reasoner.brains.playbook.history import History
from services.reasoner.brains.playbook.inputs import Inputs, resolve
from services.reasoner.brains.playbook.moves import Move, Next, Observation
from services.reasoner.brains.playbook.tuning import Tuning


@dataclass(frozen=True)
class Question:
    """What is put to the brain."""

    subtask: Subtask
    library: Library
    observations: Sequence[Observation]
    origins: Mapping[str, Origin]
    tuning: Tuning


@dataclass(frozen=True)
class View:
    """All that a decision rests on."""

    library: Library
    tuning: Tuning
    history: History
    inputs: Inputs
    standings: tuple[Standing, ...]
    """Of the modules that have their inputs, faults that were dealt with left out."""
    belief: Belief
    tried: tuple[Attempt, ...]
    blocked: tuple[str, ...]
    """Inputs that modules wait for."""

    @property
    def ticket(self) -> JsonObject:
        return self.inputs.scope.ticket

    def of(self, hypothesis: str) -> Standing | None:
        return next((each for each in self.standings if each.hypothesis == hypothesis), None)

    def move(self, following: Next, reason: str) -> Move:
        return Move(following, reason, words.hypotheses(self.belief, self.standings))

    @property
    def mended(self) -> tuple[Attempt, ...]:
        return tuple(attempt for attempt in self.tried if attempt.state is State.MENDED)

    @property
    def suspected(self) -> tuple[tuple[Fault, Standing], ...]:
        """The faults that a check spoke for, most likely by their own checks first."""
        confirmed = [(s.module, s) for s in self.standings if isinstance(s.module, Fault) and s.confirmed]
        return tuple(sorted(confirmed, key=lambda each: -each[1].alone))

    @property
    def likely(self) -> tuple[tuple[Fault, Standing], ...]:
        """Those of the suspected that are more likely than not, by their own checks."""
        return tuple((fault, stand) for fault, stand in self.suspected if stand.alone >= self.tuning.likely)


def look_at(question: Question) -> View:
    """The view of a question."""
    library, tuning = question.library, question.tuning
    history = History(question.observations, tuning.most_failures)
    suspects = candidates.suspects(question.subtask, library, off_symptom=tuning.off_symptom)
    needs = candidates.needs(suspects.modules)
    inputs = resolve(question.subtask.inputs, question.origins, needs, library, history)
    applying = candidates.applying(suspects.modules, inputs.scope)
    ready = candidates.ready(applying, inputs.scope)
    faults = [module for module in ready if isinstance(module, Fault)]
    tried = attempts(faults, Setting(library, inputs.scope, history))
    gone = {fault.name for fault in faults if _is_gone(fault, tried)}
    standings = tuple(standing(each, inputs.scope, history.seen) for each in ready if each.name not in gone)
    weights = {each.name: suspects.weights[each.name] for each in applying if each.name not in gone}
    return View(
        library=library,
        tuning=tuning,
        history=history,
        inputs=inputs,
        standings=standings,
        belief=_belief(weights, standings, tried, tuning),
        tried=tried,
        blocked=tuple(name for name in candidates.needs(applying) if name in inputs.missing),
    )


def _is_gone(fault: Fault, tried: Sequence[Attempt]) -> bool:
    """Whether the fault is no longer a cause, or was dealt with in all the ways there are."""
    states = [attempt.state for attempt in tried if attempt.fault.name == fault.name]
    in_vain = [state for state in states if state in {State.UNDONE, State.LEFT}]
    return State.MENDED in states or len(in_vain) >= len(fault.remedies) > 0


def _belief(
    weights: Mapping[str, float], standings: Sequence[Standing], tried: Sequence[Attempt], tuning: Tuning
) -> Belief:
    healthy = {each.module.name for each in standings if each.hypothesis == NOTHING_WRONG}
    nothing = sum(weights[name] for name in healthy) or tuning.nothing_prior
    raw = {name: weight for name, weight in weights.items() if name not in healthy}
    for attempt in tried:
        if attempt.fault.name in raw and attempt.state in {State.UNDONE, State.LEFT}:
            raw[attempt.fault.name] *= 1 - attempt.remedy.succeeds
    prior = normalised({**raw, NOTHING_WRONG: nothing, UNKNOWN_CAUSE: tuning.unknown_prior})
    return updated(prior, (evidence for each in standings for evidence in each.evidence))
