"""Inputs: the values that a problem's subtasks take, out of what the ticket names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from services.planner.domain import Intent
from services.planner.mentions import Mention
from services.planner.problems import Problem
from services.planner.reading import Unit

Value = str | int
Values = dict[str, Value]


@dataclass(frozen=True)
class Sources:
    """Where values come from beside the problem's own words."""

    units: Sequence[Unit]
    """The whole ticket, without what is not to be trusted."""
    attributes: Mapping[str, Value]
    """Of the ticket's envelope."""
    resources: frozenset[str]
    convert: Callable[[str, Value], Value | None]
    """A value as one of the input named: an address as a network of one."""


class Inputs:
    """The inputs of one problem."""

    def __init__(self, problem: Problem, intent: Intent, sources: Sources) -> None:
        self._problem = problem
        self._intent = intent
        self._sources = sources
        self._places = [unit.mentions for unit in problem.units] + _elsewhere(problem, sources)

    def sets(self) -> list[Values]:
        """The inputs of each subtask: one set, or one for each thing of its kind that is named."""
        rows = [completed for row in self._each() or [{}] for completed in self._completed(row)]
        return _distinct(self._with_single(row) for row in rows)

    def _each(self) -> list[Values]:
        """The combinations of the inputs that make subtasks of their own, unit by unit."""
        found: list[Values] = []
        for unit in self._problem.units:
            found += _combined(self._named(unit.mentions))
        return _distinct(_joined([v for v in found if not any(_part_of(v, other) for other in found)]))

    def _named(self, mentions: Sequence[Mention]) -> list[tuple[str, Values]]:
        """The mentions that make subtasks, in order: kind, and the values that it gives."""
        each = self._intent.each
        found: list[tuple[str, Values]] = []
        for mention in mentions:
            own = {name: value for name, value in mention.values.items() if name in each}
            if mention.entity in each or own:
                found.append((mention.entity, own or dict(mention.values)))
        directly = {name for _, values in found for name in values}
        for name in each:
            if name not in directly:
                values = self._read_from(mentions, self._intent.reads.get(name, ()), name)
                found += [(name, {name: value}) for value in values]
        return found

    def _completed(self, values: Values) -> list[Values]:
        """`values` with what it lacks: from the rest of the ticket, each of several things there; then the defaults."""
        rows = [values]
        for name in self._intent.inputs:
            if name in self._intent.each and name not in values:
                found = self._nearest(name)
                rows = [{**row, name: value} for row in rows for value in found] if found else rows
        return rows

    def _with_single(self, row: Values) -> Values:
        """`row` with the inputs that every subtask has once, and with the defaults.

        What is only read into an input is not read into a second one, nor into one whose alternative is known.
        """
        intent, values = self._intent, dict(row)
        for name in intent.inputs:
            if name in values or name in intent.each:
                continue
            spare = not any(name in group.split("|") and values.keys() & group.split("|") for group in intent.required)
            found = self._nearest(name, read=spare)
            free = [value for value in found if not _taken(value, values)]
            if free:
                values[name] = free[0]
        defaults = {name: value for name, value in intent.optional.items() if value is not None}
        return {**defaults, **values}

    def _nearest(self, name: str, *, read: bool = True) -> list[Value]:
        """The values of `name` at the nearest place that has one; else the envelope's. Values go before words."""
        for wanted in (name, *(self._intent.reads.get(name, ()) if read else ())):
            for by_word in (False, True):
                for mentions in self._places:
                    own = [mention for mention in mentions if mention.by_word is by_word]
                    if values := self._read_from(own, (wanted,), name):
                        return values
        given = self._sources.attributes.get(name)
        return [] if given is None else [given]

    def _read_from(self, mentions: Sequence[Mention], names: Sequence[str], name: str) -> list[Value]:
        values = [mention.values[other] for other in names for mention in mentions if other in mention.values]
        converted = [self._sources.convert(name, value) for value in values]
        return list(dict.fromkeys(value for value in converted if value is not None))


def _taken(value: Value, values: Values) -> bool:
    """Whether `value` is another input's already; an address alone and the network of it are the same."""
    return str(value).removesuffix("/32") in {str(other).removesuffix("/32") for other in values.values()}


def _elsewhere(problem: Problem, sources: Sources) -> list[tuple[Mention, ...]]:
    """What the rest of the ticket names, nearest first: circumstances whole, of other problems only their things."""
    own = [place for place, unit in enumerate(sources.units) if unit in problem.units]
    here = own[0] if own else len(sources.units)
    others = [(place, unit) for place, unit in enumerate(sources.units) if place not in own]
    nearest = sorted(others, key=lambda item: (item[0] > here, abs(item[0] - here)))
    return [_lent(unit, sources.resources) for _, unit in nearest]


def _lent(unit: Unit, resources: frozenset[str]) -> tuple[Mention, ...]:
    if unit.intent is None:
        return unit.mentions
    return tuple(mention for mention in unit.mentions if resources.intersection(mention.values))


def _combined(named: Sequence[tuple[str, Values]]) -> list[Values]:
    """Every combination, or pairs where the text tells them in turn: "443 on i-1 and 22 on i-2"."""
    groups: dict[str, list[Values]] = {}
    for kind, values in named:
        if values not in groups.setdefault(kind, []):
            groups[kind].append(values)
    if not groups:
        return []
    counts = {len(values) for values in groups.values()}
    in_turn = len(counts) == 1 and counts != {1} and all(one[0] != next_[0] for one, next_ in pairwise(named))
    rows = zip(*groups.values(), strict=True) if in_turn else product(*groups.values())
    return [{name: value for values in row for name, value in values.items()} for row in rows]


def _joined(found: list[Values]) -> list[Values]:
    """Values of which each unit names a part, joined: an instance here, its ports there."""
    names = list(dict.fromkeys(name for values in found for name in values))
    full = [values for values in found if len(values) == len(names)]
    if full:
        return [{**(full[0] if len(full) == 1 else {}), **values} for values in found]
    columns = [list(dict.fromkeys(values[name] for values in found if name in values)) for name in names]
    return [dict(zip(names, row, strict=True)) for row in product(*columns)] if found else []


def _part_of(values: Values, other: Values) -> bool:
    return values != other and values.items() <= other.items()


def _distinct(rows: Iterable[Values]) -> list[Values]:
    found: list[Values] = []
    for row in rows:
        if row not in found:
            found.append(row)
    return found
