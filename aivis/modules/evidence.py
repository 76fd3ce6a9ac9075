"""What the tools' answers so far mean to one module: what speaks for it, what it found, what it would look at next."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from aivis.events.actions import Origin
from aivis.events.envelope import JsonObject
from aivis.modules.belief import NOTHING_WRONG, Evidence
from aivis.modules.expressions import Scope, Undecided, arguments, holds
from aivis.modules.schema import Check, Healthy, Suspect

Seen = Callable[[str, JsonObject], JsonObject | None]
"""The newest result of a tool called with these arguments; None when there is none."""


@dataclass(frozen=True)
class Look:
    """A check that can be made now."""

    check: Check
    arguments: JsonObject
    origins: dict[str, Origin]


@dataclass(frozen=True)
class Reading:
    """A check that was made."""

    look: Look
    present: bool | None
    """None when the result does not decide the condition."""


@dataclass(frozen=True)
class Standing:
    """Where a module stands."""

    module: Suspect
    scope: Scope
    """With what its checks found."""
    readings: tuple[Reading, ...]
    open: tuple[Look, ...]
    """Checks that can be made and were not."""

    @property
    def hypothesis(self) -> str:
        return NOTHING_WRONG if isinstance(self.module, Healthy) else self.module.name

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return tuple(
            Evidence(self.hypothesis, each.present, each.look.check.sure, each.look.check.alarm)
            for each in self.readings
            if each.present is not None
        )

    @property
    def confirmed(self) -> bool:
        """Whether any of its checks spoke for it."""
        return any(each.present for each in self.readings)


def standing(module: Suspect, scope: Scope, seen: Seen) -> Standing:
    """Follow the module's checks in order: each may use what the earlier ones found."""
    readings: list[Reading] = []
    looks: list[Look] = []
    for check in module.checks:
        try:
            look = Look(check, *arguments(check.with_, scope))
        except Undecided:
            continue
        result = seen(check.tool, look.arguments)
        if result is None:
            looks.append(look)
            continue
        scope = scope.answered(result).learn(check.finds)
        readings.append(Reading(look, holds(check.when_present, scope)))
        scope = replace(scope, result=None)
    return Standing(module, scope, tuple(readings), tuple(looks))
