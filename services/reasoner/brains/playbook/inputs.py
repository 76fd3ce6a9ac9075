"""The subtask's inputs: what the ticket says, what is looked up, what holds by default, what must be asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from aivis.events.actions import Origin, Purpose
from aivis.events.envelope import JsonObject
from aivis.modules.expressions import Scope, Undecided, arguments, evaluate, holds, origin, sources
from aivis.modules.library import Library
from aivis.modules.paths import roots
from aivis.modules.schema import Input, Lookup
from services.reasoner.brains.playbook.history import History
from services.reasoner.brains.playbook.moves import Ask, Call


@dataclass(frozen=True)
class Inputs:
    """What is known of the inputs that the modules in play need."""

    scope: Scope
    lookups: tuple[Call, ...]
    """Calls that may tell what is missing."""
    missing: tuple[str, ...]
    """Neither known nor to be looked up."""


def resolve(
    said: JsonObject, origins: Mapping[str, Origin], needed: Iterable[str], library: Library, history: History
) -> Inputs:
    """Fill in what `said` leaves open: a lookup's answer first, then the default."""
    scope = Scope(ticket={name: value for name, value in said.items() if value is not None}, ticket_origins=origins)
    wanted = tuple(dict.fromkeys(needed))
    scope, calls = _looked_up(scope, _with_their_lookups(wanted, library), library, history)
    for name, declared in library.inputs.items():
        if name not in scope.ticket and declared.default is not None:
            scope = _defaulted(scope, name, declared)
    missing = tuple(name for name in wanted if name not in scope.ticket and name not in calls)
    distinct = {(call.tool, repr(sorted(call.arguments.items()))): call for each in calls.values() for call in each}
    return Inputs(scope, tuple(distinct.values()), missing)


def without(library: Library, said: Iterable[str]) -> Library:
    """The library, with no way to have the inputs `said` but being told."""
    told = {
        name: library.inputs[name].model_copy(update={"lookup": (), "default": None})
        for name in said
        if name in library.inputs
    }
    return replace(library, inputs={**library.inputs, **told})


def question_to_customer(missing: Iterable[str], library: Library) -> Ask | None:
    """The questions to the customer; None when some input may not be asked for."""
    names = tuple(missing)
    texts = tuple(library.inputs[name].ask or "" for name in names if name in library.inputs)
    return Ask(names, texts) if names and len(texts) == len(names) and all(texts) else None


def _with_their_lookups(wanted: Iterable[str], library: Library) -> tuple[str, ...]:
    """The inputs wanted, and those that their lookups need in turn."""
    names = dict.fromkeys(wanted)
    pending = list(names)
    while pending:
        declared = library.inputs.get(pending.pop())
        for lookup in declared.lookup if declared else ():
            used = {
                name
                for source in [lookup.when, *sources(lookup.with_)]
                for root, name in roots(source)
                if root == "ticket" and name
            }
            fresh = [name for name in sorted(used) if name not in names]
            names |= dict.fromkeys(fresh)
            pending += fresh
    return tuple(names)


def _looked_up(
    scope: Scope, wanted: tuple[str, ...], library: Library, history: History
) -> tuple[Scope, dict[str, tuple[Call, ...]]]:
    """The scope with all that lookups told, and the calls that could tell more, by input."""
    calls: dict[str, tuple[Call, ...]] = {}
    for _ in wanted:  # one lookup may need what another one told
        calls = {}
        for name in wanted:
            if name in scope.ticket or name not in library.inputs:
                continue
            value, due = _answers(library.inputs[name].lookup, scope, history)
            if value is not None:
                scope = _with(scope, name, *value)
            elif due:
                calls[name] = due
    return scope, calls


def _answers(
    lookups: Iterable[Lookup], scope: Scope, history: History
) -> tuple[tuple[object, Origin] | None, tuple[Call, ...]]:
    due: list[Call] = []
    for lookup in lookups:
        if holds(lookup.when, scope) is not True:
            continue
        try:
            values, origins = arguments(lookup.with_, scope)
        except Undecided:
            continue
        result = history.seen(lookup.tool, values)
        if result is None:
            if not history.given_up(lookup.tool, values):
                due.append(Call(lookup.tool, values, origins, Purpose.CHECK))
            continue
        seen = scope.answered(result)
        if holds(lookup.settled, seen):
            try:
                return (evaluate(lookup.value, seen), origin(lookup.value, seen)), ()
            except Undecided:
                continue
    return None, tuple(due[:1])


def _defaulted(scope: Scope, name: str, declared: Input) -> Scope:
    if not isinstance(declared.default, str):
        return _with(scope, name, declared.default, Origin.MODULE)
    try:
        value = evaluate(declared.default, scope)
    except Undecided:
        return scope
    return _with(scope, name, value, origin(declared.default, scope))


def _with(scope: Scope, name: str, value: object, source: Origin) -> Scope:
    origins = {**scope.ticket_origins, name: source}
    return replace(scope, ticket={**scope.ticket, name: value}, ticket_origins=origins)
