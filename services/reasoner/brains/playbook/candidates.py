"""Which modules are in play for a subtask."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aivis.events.plans import Subtask
from aivis.modules.expressions import Scope, holds
from aivis.modules.library import Library
from aivis.modules.schema import AnyModule, Fault, Procedure, Suspect


@dataclass(frozen=True)
class Suspects:
    """The faults, and the ways to see that nothing is wrong, with the weight of each before any look."""

    modules: tuple[Suspect, ...]
    weights: dict[str, float]


def suspects(subtask: Subtask, library: Library, *, off_symptom: float) -> Suspects:
    """Those the plan names; else all that explain a symptom, and with less weight all that serve the intent.

    Where there are symptoms, only a way to see that these are not there can say that nothing is wrong.
    """
    named = [module for module in _named(subtask, library) if isinstance(module, Fault)]
    faults = named or [fault for fault in library.faults if _explains(fault, subtask) or _serves(fault, subtask)]
    fits_healthy = _explains if subtask.symptoms else _serves
    healthy = [each for each in library.healthy if fits_healthy(each, subtask)]
    whole = [fault.name for fault in faults if _explains(fault, subtask)]
    fits = set(whole or [fault.name for fault in faults])
    weights = {fault.name: fault.prior * (1 if fault.name in fits else off_symptom) for fault in faults}
    return Suspects((*faults, *healthy), weights | {each.name: each.prior for each in healthy})


def procedures(subtask: Subtask, library: Library) -> tuple[Procedure, ...]:
    """Those the plan names, in its order; else all that serve the intent."""
    named = tuple(module for module in _named(subtask, library) if isinstance(module, Procedure))
    return named or tuple(each for each in library.procedures if _serves(each, subtask))


def applying(modules: Iterable[Suspect], scope: Scope) -> tuple[Suspect, ...]:
    """Without those that are ruled out by what the ticket says."""
    return tuple(module for module in modules if holds(module.applies, scope) is not False)


def ready(modules: Iterable[Suspect], scope: Scope) -> tuple[Suspect, ...]:
    """Those with all inputs they need."""
    return tuple(module for module in modules if all(name in scope.ticket for name in module.needs))


def needs(modules: Iterable[AnyModule]) -> tuple[str, ...]:
    """The inputs that any of the modules needs."""
    return tuple(dict.fromkeys(name for module in modules for name in module.needs))


def is_procedure(subtask: Subtask, library: Library) -> bool:
    """Whether the first module the plan names that the library knows is a procedure."""
    named = _named(subtask, library)
    return bool(named) and isinstance(named[0], Procedure)


def is_fault(subtask: Subtask, library: Library) -> bool:
    """Whether the first module the plan names that the library knows is a fault."""
    named = _named(subtask, library)
    return bool(named) and isinstance(named[0], Fault)


def _named(subtask: Subtask, library: Library) -> Sequence[AnyModule]:
    return [library.modules[name] for name in subtask.modules if name in library.modules]


def _explains(module: AnyModule, subtask: Subtask) -> bool:
    return bool(set(module.explains) & set(subtask.symptoms))


def _serves(module: AnyModule, subtask: Subtask) -> bool:
    return subtask.intent in module.serves
