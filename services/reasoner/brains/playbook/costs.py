"""What finding a fault costs at best, and in a fixed order: the yardsticks of the evaluation.

Both are idealised: every check is exact, exactly one of the faults is there, and the search ends at the first call that
decides it. The playbook's own cost is measured on real runs and divided by these.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import orjson

from aivis.modules.schema import Suspect

_MOST_EXACT = 14
"""Beyond so many calls the best order is not sought over all orders, but by probability decided per cost."""


@dataclass(frozen=True)
class Trial:
    """One call, and the modules whose presence or absence it decides."""

    name: str
    cost: float
    decides: frozenset[str]


def trials_of(modules: Iterable[Suspect]) -> tuple[Trial, ...]:
    """The distinct calls of the modules' first checks, in the modules' order.

    A module counts as decided by its first check; two checks with the same tool and arguments are one call.
    """
    cost: dict[str, float] = {}
    decides: dict[str, set[str]] = {}
    for module in modules:
        check = module.checks[0]
        name = f"{check.tool} {orjson.dumps(check.with_, option=orjson.OPT_SORT_KEYS).decode()}"
        cost[name] = max(check.cost, cost.get(name, 0))
        decides.setdefault(name, set()).add(module.name)
    return tuple(Trial(name, cost[name], frozenset(decides[name])) for name in cost)


def expected_cost(order: Sequence[Trial], priors: Mapping[str, float]) -> float:
    """Mean cost until the fault is decided, faults being as likely as `priors` say (they need not sum to 1)."""
    total = sum(priors.values())
    left, cost = total, 0.0
    decided: set[str] = set()
    for trial in order:
        cost += trial.cost * left / total
        fresh = trial.decides - decided
        left -= sum(priors.get(name, 0) for name in fresh)
        decided |= fresh
        left = max(left, 0.0)
    return cost


def fixed_order(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The order of a checklist: as the modules are listed."""
    return tuple(trials)


def best_order(trials: Sequence[Trial], priors: Mapping[str, float]) -> tuple[Trial, ...]:
    """The order of the lowest expected cost: exact up to 14 calls, else by probability decided per cost."""
    return _exact(tuple(trials), priors) if len(trials) <= _MOST_EXACT else _greedy(tuple(trials), priors)


def cost_of(fault: str, order: Sequence[Trial]) -> float:
    """What finding `fault` costs in this order; all of it when no call decides it."""
    cost = 0.0
    for trial in order:
        cost += trial.cost
        if fault in trial.decides:
            break
    return cost


def _exact(trials: tuple[Trial, ...], priors: Mapping[str, float]) -> tuple[Trial, ...]:
    """By dynamic programming over the sets of calls made."""

    @cache
    def rest(made: int) -> tuple[float, tuple[int, ...]]:
        decided = {name for index, trial in enumerate(trials) if made >> index & 1 for name in trial.decides}
        left = sum(share for name, share in priors.items() if name not in decided)
        if made == (1 << len(trials)) - 1:
            return 0.0, ()
        choices = []
        for index, trial in enumerate(trials):
            if not made >> index & 1:
                cost, order = rest(made | 1 << index)
                choices.append((trial.cost * left + cost, (index, *order)))
        return min(choices)

    return tuple(trials[index] for index in rest(0)[1])


def _greedy(trials: tuple[Trial, ...], priors: Mapping[str, float]) -> tuple[Trial, ...]:
    left, decided, order = list(trials), set[str](), list[Trial]()
    while left:
        best = max(left, key=lambda trial: sum(priors.get(n, 0) for n in trial.decides - decided) / trial.cost)
        order.append(best)
        decided |= best.decides
        left.remove(best)
    return tuple(order)
