"""The escalation service's metrics: the business figures, as its table has them.

They are gauges although they are counts: a reopened case takes its outcome back. Every replica shows the same numbers,
so a query over several takes the maximum. Rates are made of them by recording rules; figures.py says how.
"""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.escalation.ports import Group

OVERDUE = Gauge("aivis_escalation_overdue", "Cases that wait for an expert longer than they should")
COMMANDS = Counter("aivis_escalation_commands", "Experts' commands, by kind and HTTP status", ["kind", "status"])

_OF_A_CASE: dict[str, tuple[str, Callable[[Group], float]]] = {
    "aivis_cases_total": ("Cases, as they stand now", lambda group: group.cases),
    "aivis_cases_escalated_total": ("Cases that were ever handed to people", lambda group: group.escalated),
    "aivis_cases_reopened_total": ("How often cases were reopened", lambda group: group.reopened),
    "aivis_proposals_total": ("Proposals that experts decided", lambda group: group.proposals),
    "aivis_proposals_adopted_total": ("Proposals that experts took", lambda group: group.adopted),
    "aivis_effects_total": ("Remedies that ended", lambda group: group.effects),
    "aivis_effects_right_total": ("Remedies that succeeded and stood", lambda group: group.effects_right),
    "aivis_tool_calls_total": ("Tool calls that ended", lambda group: group.calls),
    "aivis_tool_calls_right_total": ("Tool calls that succeeded", lambda group: group.calls_right),
    "aivis_first_response_seconds_sum": ("Seconds to first responses", lambda group: group.response_seconds),
    "aivis_first_response_seconds_count": ("First responses", lambda group: group.responses),
    "aivis_resolution_seconds_sum": ("Seconds to outcomes", lambda group: group.resolution_seconds),
    "aivis_resolution_seconds_count": ("Outcomes", lambda group: group.resolutions),
}
_LABELS = ("tenant", "scenario", "outcome", "independent")


class FigureCollector(Collector):
    """Shows the sums it was given last."""

    def __init__(self) -> None:
        self._groups: Sequence[Group] = ()

    def show(self, groups: Sequence[Group]) -> None:
        self._groups = groups

    def collect(self) -> Iterable[Metric]:
        for name, (says, value) in _OF_A_CASE.items():
            family = GaugeMetricFamily(name, says, labels=_LABELS)
            for group in self._groups:
                labels = [group.tenant, group.scenario, group.outcome, str(group.independent).lower()]
                family.add_metric(labels, value(group))
            yield family


FIGURES = FigureCollector()
REGISTRY.register(FIGURES)
