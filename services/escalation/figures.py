"""The business figures, and how each is computed. Pure: from the table's sums.

All are shares between 0 and 1, None while there is nothing to divide by. A case counts once, as it stands now: one that
was reopened counts as open until it ends again. Cases that the customer withdrew or left unanswered, or that the
upstream system closed without an outcome, say nothing about the agent and are left out of the first two.

independent_resolution_rate
    Cases that ended fixed or answered without a person's part, of the cases that ended (fixed, answered, expert).
escalation_rate
    Cases that were ever handed to people, of all cases.
adoption_rate
    Of what the agent proposed to experts and they decided, what they took: an action to approve is taken when it is
    granted, not when it is denied; an escalation with a proposal is taken when an expert lets the agent go on with
    guidance, not when the expert answers instead. A judgement on a proposal overrides both.
action_accuracy
    Of the remedies that were carried out or that the system refused, those that succeeded, were not undone, and were
    not judged wrong. What policy or a person forbade, or what could not be reached, is not counted.
tool_call_accuracy
    Of all tool calls that ended, those that succeeded and were not judged wrong. A call fails by arguments that do not
    fit, by a thing that is not there, or by a state that does not allow it; forbidden and unreachable are not counted.
first_response_seconds, resolution_seconds
    From the ticket's opening to the first words to the customer, and to the outcome: mean, median, 90th percentile.
"""

from collections.abc import Callable, Sequence

from aivis.events.envelope import JsonObject
from services.escalation.ports import Group, Spread

_NO_VERDICT = frozenset({"withdrawn", "unanswered", "closed"})
_ENDED = frozenset({"fixed", "answered", "expert"})
_BY_AGENT = frozenset({"fixed", "answered"})


def business(groups: Sequence[Group], spread: Spread) -> JsonObject:
    """The figures, with the counts they rest on."""
    counted = [group for group in groups if group.outcome not in _NO_VERDICT]
    ended = [group for group in counted if group.outcome in _ENDED]
    alone = [group for group in ended if group.independent and group.outcome in _BY_AGENT]
    return {
        "cases": _sum(groups, lambda g: g.cases),
        "ended": _sum(ended, lambda g: g.cases),
        "outcomes": _outcomes(groups),
        "reopened": _sum(groups, lambda g: g.reopened),
        "independent_resolution_rate": _share(_sum(alone, lambda g: g.cases), _sum(ended, lambda g: g.cases)),
        "escalation_rate": _share(_sum(counted, lambda g: g.escalated), _sum(counted, lambda g: g.cases)),
        "adoption_rate": _share(_sum(groups, lambda g: g.adopted), _sum(groups, lambda g: g.proposals)),
        "proposals": _sum(groups, lambda g: g.proposals),
        "action_accuracy": _share(_sum(groups, lambda g: g.effects_right), _sum(groups, lambda g: g.effects)),
        "actions": _sum(groups, lambda g: g.effects),
        "tool_call_accuracy": _share(_sum(groups, lambda g: g.calls_right), _sum(groups, lambda g: g.calls)),
        "tool_calls": _sum(groups, lambda g: g.calls),
        "first_response_seconds": _times(
            sum(group.response_seconds for group in groups),
            _sum(groups, lambda g: g.responses),
            spread.first_response,
        ),
        "resolution_seconds": _times(
            sum(group.resolution_seconds for group in groups),
            _sum(groups, lambda g: g.resolutions),
            spread.resolution,
        ),
    }


def _sum(groups: Sequence[Group], count: Callable[[Group], int]) -> int:
    return sum(map(count, groups))


def _outcomes(groups: Sequence[Group]) -> dict[str, int]:
    found: dict[str, int] = {}
    for group in groups:
        found[group.outcome] = found.get(group.outcome, 0) + group.cases
    return dict(sorted(found.items()))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _times(total: float, count: int, spread: tuple[float | None, float | None]) -> JsonObject:
    median, p90 = spread
    return {"cases": count, "mean": round(total / count, 3) if count else None, "median": median, "p90": p90}
