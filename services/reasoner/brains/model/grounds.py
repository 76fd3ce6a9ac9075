"""What the playbook makes of the same problem: a model's decision is held against it.

The modules say which change mends what, how it is verified and how it is put back. A model may look at what it likes;
what it changes and how it ends must not contradict them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from aivis.events.actions import Purpose
from aivis.events.envelope import JsonObject
from aivis.modules.catalogue import Catalogue
from aivis.toolkit.declaration import Risk
from services.reasoner import words
from services.reasoner.agents.agent import Problem
from services.reasoner.brains.playbook.checks import probes
from services.reasoner.brains.playbook.deciding import decide, is_operation
from services.reasoner.brains.playbook.moves import Call, Calls, Finding, Move, Observation, Solved
from services.reasoner.brains.playbook.remedies import options
from services.reasoner.brains.playbook.tuning import DEFAULT
from services.reasoner.brains.playbook.view import Question, View, look_at
from services.reasoner.brains.playbook.words import called_with


@dataclass(frozen=True)
class Grounds:
    """The playbook's view of a problem."""

    move: Move
    """What the playbook would do next."""
    calls: tuple[Call, ...]
    """All that it could do now: its next calls, looks not yet taken, remedies of faults that are likely."""
    unfinished: Call | None = None
    """What is due of a change that a module began: its next step, a look whether it helped, its undoing."""
    explained: frozenset[str] = frozenset()
    """The likely faults that nobody but the customer mends."""

    @property
    def due(self) -> tuple[Call, ...]:
        return self.move.next.calls if isinstance(self.move.next, Calls) else ()

    @property
    def done(self) -> bool:
        """Whether the playbook, too, would say that the subtask is done."""
        return isinstance(self.move.next, Solved | Finding)

    def remedy(self, catalogue: Catalogue) -> Call | None:
        """The change that the results call for."""
        changing = (call for call in self.due if call.tool in catalogue and catalogue[call.tool].risk is not Risk.READ)
        return next(changing, None)

    def same(self, tool: str, arguments: JsonObject) -> Call | None:
        """The playbook's own call with these very arguments, if it has one."""
        return next((call for call in self.calls if (call.tool, call.arguments) == (tool, arguments)), None)


def grounds(problem: Problem, catalogue: Catalogue) -> Grounds:
    """What the playbook makes of `problem`, whose observations must be `current`."""
    move = decide(problem.subtask, problem.library, problem.observations, origins=problem.origins)
    due = move.next.calls if isinstance(move.next, Calls) else ()
    if is_operation(problem.subtask, problem.library):
        begun = {seen.module for seen in problem.observations if is_change(seen, catalogue)}
        return Grounds(move, due, next((call for call in due if call.module in begun), None))
    view = look_at(Question(problem.subtask, problem.library, problem.observations, problem.origins, DEFAULT))
    return Grounds(
        move=move,
        calls=(*due, *_looks(view), *_remedies(view)),
        unfinished=next(iter(view.tried[-1].due), None) if view.tried else None,
        explained=frozenset(fault.name for fault, _ in view.likely if not fault.remedies and not fault.escalate),
    )


def _looks(view: View) -> Iterator[Call]:
    for probe in probes(view.standings, view.history):
        yield Call(probe.tool, probe.arguments, probe.origins, Purpose.CHECK, _module(view, [*probe.conditions]))


def _module(view: View, hypotheses: list[str]) -> str:
    stand = view.of(max(hypotheses, key=lambda name: view.belief.get(name, 0)))
    return stand.module.name if stand else ""


def _remedies(view: View) -> Iterator[Call]:
    for fault, stand in view.likely:
        yield from (option.call for option in options(stand, view.belief[fault.name], view))


def is_change(observation: Observation, catalogue: Catalogue) -> bool:
    """Whether a call changed something: a tool that nobody declares counts as one that does."""
    tool = catalogue.get(observation.tool)
    return observation.result is not None and (tool is None or tool.risk is not Risk.READ)


def current(problem: Problem, catalogue: Catalogue) -> Problem:
    """The problem without what was seen before the last change that no module knows of: that is stale to a module."""
    unknown = [n for n, seen in enumerate(problem.observations) if is_change(seen, catalogue) and not seen.module]
    return replace(problem, observations=problem.observations[unknown[-1] + 1 :]) if unknown else problem


def truthful(move: Move, problem: Problem, catalogue: Catalogue) -> Move:
    """The playbook's move; where it would say that nothing was wrong, and nothing changed, what the model changed."""
    unknown = [seen for seen in problem.observations if is_change(seen, catalogue) and not seen.module]
    if not unknown or not isinstance(move.next, Finding) or move.next.module:
        return move
    changes = "; ".join(f"{seen.tool}({called_with(seen.arguments)})" for seen in unknown)
    return replace(move, next=Solved("", words.say("changed", problem.language, changes=changes)))
