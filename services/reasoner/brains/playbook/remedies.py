"""Which fault to mend, and how: expected utility."""

from dataclasses import dataclass

from aivis.events.actions import Purpose
from aivis.modules.evidence import Standing
from aivis.modules.expressions import Scope, Undecided, arguments, holds, holes, sources
from aivis.modules.library import Library
from aivis.modules.paths import roots
from aivis.modules.schema import Fault, Remedy
from services.reasoner.brains.playbook.attempts import procedure_scope
from services.reasoner.brains.playbook.following import follow, looks_of
from services.reasoner.brains.playbook.history import History
from services.reasoner.brains.playbook.moves import Call
from services.reasoner.brains.playbook.tuning import Tuning
from services.reasoner.brains.playbook.view import View


@dataclass(frozen=True)
class Option:
    """A remedy that can be begun now."""

    fault: Fault
    remedy: Remedy
    call: Call
    utility: float


def options(standing: Standing, probability: float, view: View) -> tuple[Option, ...]:
    """The remedies of a likely fault that were not tried and can be verified, best first."""
    fault = standing.module
    if not isinstance(fault, Fault):
        return ()
    used = [attempt.remedy for attempt in view.tried if attempt.fault.name == fault.name]
    found = []
    for remedy in fault.remedies:
        usable = remedy not in used and _verifiable(remedy, standing.scope, view.history)
        call = _first_call(fault, remedy, standing, view.library) if usable else None
        if call is not None:
            found.append(Option(fault, remedy, call, utility(remedy, probability, view.tuning)))
    return tuple(sorted(found, key=lambda option: -option.utility))


def _verifiable(remedy: Remedy, scope: Scope, history: History) -> bool:
    """Nothing is changed whose success could not be seen, since the look for it keeps failing."""
    return not any(history.given_up(tool, values) for tool, values in looks_of(remedy.verify, scope))


def wanted_by(fault: Fault) -> set[str]:
    """The names that the fault's remedies need found; without remedies, that its report does."""
    texts = [text for remedy in fault.remedies for text in (remedy.when, *sources(remedy.with_))]
    if not fault.remedies:
        texts = [*holes(fault.finding or fault.says), *holes(fault.escalate or "")]
    return {name for text in texts for root, name in roots(text) if root == "found" and name}


def utility(remedy: Remedy, probability: float, tuning: Tuning) -> float:
    """What the remedy is worth on average, `probability` being the fault's."""
    helps = probability * remedy.succeeds
    return helps * tuning.solved - remedy.cost - (1 - helps) * tuning.harm[remedy.risk]


def _first_call(fault: Fault, remedy: Remedy, standing: Standing, library: Library) -> Call | None:
    """The call that begins a remedy; None when it does not apply, or its arguments are not known yet."""
    if holds(remedy.when, standing.scope) is not True:
        return None
    try:
        if remedy.procedure:
            procedure = library.procedure(remedy.procedure)
            scope = procedure_scope(remedy, standing.scope)
            return follow(procedure, scope, History((), 1), fault.name).due
        values, origins = arguments(remedy.with_, standing.scope)
    except Undecided:
        return None
    return Call(remedy.tool, values, origins, Purpose.REMEDY, fault.name)
