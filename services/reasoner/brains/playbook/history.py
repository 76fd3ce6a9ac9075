"""The observations so far, asked for what a decision needs."""

from collections.abc import Sequence
from dataclasses import dataclass

from aivis.events.actions import Purpose
from aivis.events.envelope import JsonObject
from services.reasoner.brains.playbook.moves import Observation

_LOOKS = frozenset({Purpose.CHECK, Purpose.VERIFY})


@dataclass(frozen=True)
class History:
    """Observations, oldest first."""

    observations: Sequence[Observation]
    most_failures: int

    def seen(self, tool: str, arguments: JsonObject) -> JsonObject | None:
        """The newest result of a look with these arguments."""
        found = self._looks(tool, arguments)
        return next((each.result for each in reversed(found) if each.result is not None), None)

    def given_up(self, tool: str, arguments: JsonObject) -> bool:
        """Whether a look is not made again: it failed too often, is forbidden, or is bound to fail again."""
        failed = [each for each in self._looks(tool, arguments) if each.result is None]
        return len(failed) >= self.most_failures or any(each.forbidden or each.lasting for each in failed)

    @property
    def not_there(self) -> str:
        """What the tools said, when nothing could be looked at because what the ticket names is not there."""
        looks = [each for each in self.observations if each.purpose in _LOOKS]
        return looks[0].failure if looks and all(each.lasting for each in looks) else ""

    @property
    def failed_looks(self) -> tuple[str, ...]:
        """The looks that were given up, in words."""
        lines = [
            f"{each.tool} failed: {each.failure}"
            for each in self.observations
            if each.result is None and each.purpose in _LOOKS and self.given_up(each.tool, each.arguments)
        ]
        return tuple(dict.fromkeys(lines))

    def between(self, first: int, last: int) -> "History":
        """Only what came after observation `first` and before observation `last`."""
        return History(self.observations[first + 1 : last], self.most_failures)

    def before(self, index: int) -> "History":
        """Only what came before observation `index`."""
        return History(self.observations[:index], self.most_failures)

    def undone(self, action: str) -> Observation | None:
        """The newest undo of an action's effect."""
        undos = [each for each in self.observations if each.purpose is Purpose.UNDO and each.undoes == action]
        return undos[-1] if undos else None

    def _looks(self, tool: str, arguments: JsonObject) -> list[Observation]:
        return [
            each
            for each in self.observations
            if each.tool == tool and each.purpose in _LOOKS and each.arguments == arguments
        ]
