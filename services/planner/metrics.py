"""What the planner measures."""

from prometheus_client import Counter, Histogram

from aivis.events.plans import Plan

PLANS = Counter("aivis_planner_plans_total", "Plans made, by route and scenario", ["route", "scenario"])
SUBTASKS = Counter("aivis_planner_subtasks_total", "Subtasks planned, by agent", ["agent"])
SECONDS = Histogram(
    "aivis_planner_plan_seconds", "Time to make a plan", buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
)


def count(plan: Plan, seconds: float) -> None:
    """Count a plan that took `seconds` to make."""
    PLANS.labels(plan.route.value, plan.classification.scenario.value).inc()
    SECONDS.observe(seconds)
    for subtask in plan.subtasks:
        SUBTASKS.labels(subtask.agent.value).inc()
