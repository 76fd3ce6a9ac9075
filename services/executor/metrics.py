"""The executor's metrics. The tools of the catalogue bound the label `tool`."""

from prometheus_client import Counter, Gauge, Histogram

from aivis.events.actions import FailureKind
from services.executor.ledger import Entry

ACTIONS = Counter("aivis_executor_actions_total", "Actions that ended, by tool and outcome", ["tool", "outcome"])
CALL_SECONDS = Histogram(
    "aivis_executor_call_seconds",
    "Time of one call that was answered",
    ["tool"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
CROWDED = Counter(
    "aivis_executor_crowded_total", "Times that an action waited, as its tool had too many calls under way", ["tool"]
)
LEDGER = Counter("aivis_executor_ledger_total", "Actions that reached a state of the ledger", ["state"])
UNSETTLED = Gauge("aivis_executor_unsettled", "Effects of which nobody knows yet whether they happened")
WAITING = Gauge("aivis_executor_waiting", "Actions that wait for an expert's word")
REFUSED = Counter("aivis_executor_refused_events_total", "Events that do not count, by type", ["type"])
SWAPPED = Counter("aivis_executor_swapped_answers_total", "Tools' answers that are to another call", ["server"])
TOOLS = Gauge("aivis_executor_tools", "Tools in the catalogue, by server", ["server"])
REFUSED_TOOLS = Gauge("aivis_executor_refused_tools", "Tools and servers with a problem, by server", ["server"])


def count(entry: Entry) -> None:
    """Count the state that `entry` reached, and its outcome when it is over."""
    LEDGER.labels(entry.state.value).inc()
    if not entry.over or entry.outcome is None:
        return
    failure = entry.outcome.failure
    tool = "unknown" if failure is FailureKind.NOT_FOUND else entry.request.tool
    ACTIONS.labels(tool, "finished" if failure is None else failure.value).inc()
