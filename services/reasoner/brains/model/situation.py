"""All that a model's answer is judged by."""

from collections.abc import Sequence
from dataclasses import dataclass

from aivis.events.actions import Purpose
from aivis.modules.catalogue import Catalogue
from services.reasoner.agents.agent import Problem
from services.reasoner.brains.model.grounds import Grounds, current, grounds, is_change
from services.reasoner.brains.model.toolset import Toolset
from services.reasoner.brains.playbook.moves import Observation


@dataclass(frozen=True)
class Situation:
    """A problem, and what the playbook makes of it."""

    problem: Problem
    grounds: Grounds
    toolset: Toolset
    catalogue: Catalogue

    @property
    def observations(self) -> Sequence[Observation]:
        return self.problem.observations

    @property
    def changes(self) -> tuple[Observation, ...]:
        """What was changed and not put back, oldest first."""
        undone = {seen.undoes for seen in self.observations if seen.result is not None}
        made = (seen for seen in self.observations if is_change(seen, self.catalogue))
        return tuple(seen for seen in made if seen.purpose is not Purpose.UNDO and seen.action not in undone)

    def after(self, change: Observation | None) -> Sequence[Observation]:
        """What was looked at successfully since `change`, or at all."""
        start = 0 if change is None else self.observations.index(change) + 1
        looks = self.observations[start:]
        return [seen for seen in looks if seen.result is not None and not is_change(seen, self.catalogue)]

    @property
    def last_change(self) -> Observation | None:
        """The last call that changed something, undoing included."""
        changes = [seen for seen in self.observations if is_change(seen, self.catalogue)]
        return changes[-1] if changes else None


def situation(problem: Problem, toolset: Toolset, catalogue: Catalogue) -> Situation:
    """The situation of a problem."""
    return Situation(problem, grounds(current(problem, catalogue), catalogue), toolset, catalogue)
