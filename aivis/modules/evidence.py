"""What the tools' answers so far mean to one module: what speaks for it, what it found, what it would look at next."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from aivis.events.actions import Origin
from aivis.events.envelope import JsonObject
from aivis.modules.belief import NOTHING_WRONG, UNKNOWN_CAUSE, Evidence, normalised, updated
from aivis.modules.expressions import Scope, Undecided, arguments, holds, sources
from aivis.modules.paths import chains
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
    waits_for: frozenset[str] = frozenset()
    """Names that a check waits for until another one has found them."""

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

    @property
    def alone(self) -> float:
        """Probability of the module by its own checks: its prior against everything else. Several may be likely."""
        prior = self.module.prior
        either = normalised({self.hypothesis: prior, UNKNOWN_CAUSE: 1 - prior})
        return updated(either, self.evidence)[self.hypothesis]


def standing(module: Suspect, scope: Scope, seen: Seen) -> Standing:
    """Follow the module's checks in order: each may use what the earlier ones found."""
    readings: list[Reading] = []
    looks: list[Look] = []
    waits_for: set[str] = set()
    for check in module.checks:
        missing = not_found(check, scope)
        look = _look(check, scope)
        result = seen(check.tool, look.arguments) if look else None
        if look is None or result is None:
            waits_for |= missing
            looks += [look] if look and not missing else []
            continue
        scope = scope.answered(result).learn(check.finds)
        readings.append(Reading(look, holds(check.when_present, scope)))
        scope = replace(scope, result=None)
    return Standing(module, scope, tuple(readings), tuple(looks), frozenset(waits_for))


def not_found(check: Check, scope: Scope) -> set[str]:
    """The names that a check uses and no earlier one has found."""
    used = [check.when, check.when_present, *(source for each in check.with_.values() for source in sources(each))]
    return {
        chain.fields[0]
        for source in used
        for chain in chains(source)
        if chain.root == "found" and chain.fields and not chain.asked
    } - {*check.finds, *scope.found}


def _look(check: Check, scope: Scope) -> Look | None:
    if holds(check.when, scope) is not True:
        return None
    try:
        return Look(check, *arguments(check.with_, scope))
    except Undecided:
        return None
