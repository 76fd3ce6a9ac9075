"""Guards: what a case may spend, and when it goes round in circles."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from aivis.events.actions import Purpose
from aivis.events.cases import LimitReached
from services.reasoner.case import Attempt, Case


@dataclass(frozen=True)
class Budget:
    """Hard limits of a case, since it was opened, reopened or guided. At one of them a person takes over."""

    actions: int = 60
    decisions: int = 80
    tokens: int = 200_000
    wall: timedelta = timedelta(minutes=30)
    """While nobody else is waited for, neither the customer nor an expert."""
    plans: int = 8
    repeats: int = 4
    """Checks in a row that told nothing new."""


def limit_reached(case: Case, budget: Budget, now: datetime) -> LimitReached | None:
    """The first limit that the case is at."""
    spent = case.spent
    used = {
        "actions": (spent.actions, budget.actions),
        "decisions": (spent.decisions, budget.decisions),
        "tokens": (spent.tokens, budget.tokens),
        "plans": (case.plan_requests, budget.plans * (1 + len(case.guidance))),
        "seconds": (case.worked(now), budget.wall.total_seconds()),
    }
    for guard, (value, most) in used.items():
        if value >= most:
            return LimitReached(guard=guard, detail=f"{value:.0f} of {most:.0f} {guard} are used")
    return _loop(case, budget)


def _loop(case: Case, budget: Budget) -> LimitReached | None:
    for trajectory in case.trajectories:
        if trajectory.ended is None and (stale := _without_news(trajectory.attempts)) >= budget.repeats:
            name = trajectory.subtask.id
            return LimitReached(guard="loop", detail=f"the last {stale} checks of {name} told nothing new")
    return None


def _without_news(attempts: tuple[Attempt, ...]) -> int:
    """How many checks at the end repeat a call that had the same result before.

    Looks after a change of the world are not counted: a verification is meant to look again.
    """
    seen: list[object] = []
    stale = 0
    for attempt in attempts:
        action = attempt.action
        if action.purpose not in (Purpose.CHECK, Purpose.SEARCH):
            seen, stale = [], 0
            continue
        if attempt.waits_for is not None:
            continue
        result = attempt.finished and (attempt.finished.result, attempt.finished.result_artifact)
        told = (action.tool, action.arguments, result, attempt.failed and attempt.failed.kind)
        stale = stale + 1 if told in seen else 0
        seen.append(told)
    return stale
