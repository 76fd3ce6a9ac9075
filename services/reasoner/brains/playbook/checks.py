"""The next look at the world: the one that tells most for its cost.

One call can inform about many causes. Its outcome is taken as 'no condition came out true' or 'exactly this one did':
exact for a call of one condition, and for many of them close, for under one cause at most one is meant to be true.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from aivis.events.actions import Origin
from aivis.events.envelope import JsonObject
from aivis.modules.belief import Belief, entropy, normalised
from aivis.modules.evidence import Look, Standing
from aivis.modules.schema import Check
from services.reasoner.brains.playbook.history import History
from services.reasoner.brains.playbook.tuning import Tuning


@dataclass(frozen=True)
class Probe:
    """One call, and every condition that its result would decide."""

    tool: str
    arguments: JsonObject
    origins: dict[str, Origin]
    cost: float
    conditions: Mapping[str, Check]
    """By hypothesis."""


@dataclass(frozen=True)
class Worth:
    """What a probe is expected to tell."""

    probe: Probe
    bits: float

    @property
    def per_cost(self) -> float:
        return self.bits / self.probe.cost


def probes(standings: Iterable[Standing], history: History) -> tuple[Probe, ...]:
    """The distinct calls that can be made now; those that kept failing are left out."""
    grouped: dict[tuple[str, str], list[tuple[str, Look]]] = {}
    for standing in standings:
        for look in standing.open:
            if not history.given_up(look.check.tool, look.arguments):
                key = (look.check.tool, repr(sorted(look.arguments.items())))
                grouped.setdefault(key, []).append((standing.hypothesis, look))
    return tuple(_probe(looks) for looks in grouped.values())


def _probe(looks: Sequence[tuple[str, Look]]) -> Probe:
    first = looks[0][1]
    conditions: dict[str, Check] = {}
    for hypothesis, look in looks:
        conditions.setdefault(hypothesis, look.check)
    cost = max(look.check.cost for _, look in looks)
    return Probe(first.check.tool, first.arguments, first.origins, cost, conditions)


def ranked(candidates: Iterable[Probe], belief: Belief) -> list[Worth]:
    """By what they tell for their cost, best first."""
    worths = [Worth(probe, expected_bits(probe, belief)) for probe in candidates]
    return sorted(worths, key=lambda worth: -worth.per_cost)


def chosen(worths: Sequence[Worth], tuning: Tuning) -> tuple[Worth, ...]:
    """The best look, and cheap looks at other causes that are about as good, to run side by side."""
    best = worths[0]
    taken, informed = [best], set(best.probe.conditions)
    for worth in worths[1:]:
        if len(taken) == tuning.most_at_once:
            break
        cheap = worth.probe.cost <= best.probe.cost and worth.bits >= tuning.least_bits
        as_good = worth.per_cost >= tuning.side_by_side * best.per_cost
        if cheap and as_good and informed.isdisjoint(worth.probe.conditions):
            taken.append(worth)
            informed |= set(worth.probe.conditions)
    return tuple(taken)


def expected_bits(probe: Probe, belief: Belief) -> float:
    """Mutual information of the probe's outcome and the hypotheses, in bits; at least 0."""
    outcomes = [_outcomes(probe.conditions, hypothesis) for hypothesis in belief]
    after = 0.0
    for column in zip(*outcomes, strict=True):
        joint = {name: share * chance for (name, share), chance in zip(belief.items(), column, strict=True)}
        total = sum(joint.values())
        after += total * entropy(normalised(joint))
    return max(0.0, entropy(belief) - after)


def _outcomes(conditions: Mapping[str, Check], hypothesis: str) -> list[float]:
    """P(none true), then P(only this one true) for each condition, under `hypothesis`; they sum to 1."""
    chances = [check.sure if name == hypothesis else check.alarm for name, check in conditions.items()]
    quiet = prod(1 - chance for chance in chances)
    weights = [quiet, *(quiet * chance / (1 - chance) for chance in chances)]
    total = sum(weights)
    return [weight / total for weight in weights]
