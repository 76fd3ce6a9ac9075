"""What the playbook says to people: hypotheses, what is known, what was checked."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aivis.events.cases import Hypothesis
from aivis.modules.belief import NOTHING_WRONG, UNKNOWN_CAUSE, Belief
from aivis.modules.evidence import Standing
from aivis.modules.expressions import render
from aivis.modules.schema import Fault
from services.reasoner.brains.playbook.checks import Worth

_SAYS = {
    NOTHING_WRONG: "Nothing is wrong.",
    UNKNOWN_CAUSE: "The cause is one that no module knows.",
}
_LEAST_SHOWN = 0.005


def hypotheses(belief: Belief, standings: Iterable[Standing]) -> tuple[Hypothesis, ...]:
    """Most likely first; faults that are all but ruled out are left out."""
    says = {each.hypothesis: render(each.module.says, each.scope) for each in standings} | _SAYS
    shown = [(name, share) for name, share in belief.items() if share >= _LEAST_SHOWN or name in _SAYS]
    ordered = sorted(shown, key=lambda each: -each[1])
    return tuple(Hypothesis(name=name, probability=round(share, 4), says=says.get(name, "")) for name, share in ordered)


def known(ticket: Mapping[str, Any], standings: Iterable[Standing]) -> tuple[str, ...]:
    """What an expert need not find out again: the inputs, and what each look said."""
    inputs = tuple(f"{name}: {value}" for name, value in ticket.items())
    return inputs + checked(standings)


def checked(standings: Iterable[Standing]) -> tuple[str, ...]:
    """Each look made, in one line: the causes it speaks for, and those it speaks against."""
    said: dict[str, dict[bool | None, list[str]]] = {}
    for each in standings:
        for reading in each.readings:
            call = f"{reading.look.check.tool}({called_with(reading.look.arguments)})"
            said.setdefault(call, {}).setdefault(reading.present, []).append(each.hypothesis)
    return tuple(f"{call} speaks {_said(spoke)}" for call, spoke in said.items())


def _said(spoke: Mapping[bool | None, Sequence[str]]) -> str:
    words = {True: "for", False: "against", None: "neither for nor against"}
    parts = [
        f"{word} {', '.join(dict.fromkeys(spoke[present]))}" for present, word in words.items() if present in spoke
    ]
    return "; ".join(parts)


def called_with(arguments: Mapping[str, Any]) -> str:
    """A call's arguments in one line."""
    return ", ".join(f"{name}={value}" for name, value in arguments.items())


def why_looks(worths: Sequence[Worth], belief: Belief) -> str:
    """Why these looks come next."""
    parts = [
        f"{worth.probe.tool} bears on {len(worth.probe.conditions)} of {len(belief)} hypotheses"
        f" ({worth.bits:.2f} bits for cost {worth.probe.cost:g})"
        for worth in worths
    ]
    return f"What tells most for its cost: {'; '.join(parts)}."


def proposed(fault: Fault, stand: Standing) -> tuple[str, ...]:
    """What the agent would do about a fault, for the expert."""
    lines = [render(fault.escalate, stand.scope)] if fault.escalate else []
    for remedy in fault.remedies:
        means = remedy.tool or f"procedure {remedy.procedure}"
        lines.append(f"{means} (risk {remedy.risk}) if {fault.name} is right: {render(fault.says, stand.scope)}")
    return tuple(lines)
