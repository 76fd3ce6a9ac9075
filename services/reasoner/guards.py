"""Guards: what a case may spend, and when it goes round in circles."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from aivis.events.actions import Purpose
from aivis.events.cases import LimitReached
from services.reasoner.case import Attempt, Case
from services.reasoner.spent import Question, Spent


@dataclass(frozen=True)
class Prices:
    """Of a million tokens, in the currency of the budget."""

    prompt: float = 0
    completion: float = 0

    def of(self, question: Question) -> float:
        return (question.prompt * self.prompt + question.completion * self.completion) / 1e6


@dataclass(frozen=True)
class Budget:
    """Hard limits of a case, since it was opened, reopened or guided. At one of them a person takes over."""

    actions: int = 60
    decisions: int = 80
    tokens: int = 200_000
    money: float = inf
    """What the tokens may cost."""
    prices: Prices = Prices()
    wall: timedelta = timedelta(minutes=30)
    """While nobody else is waited for, neither the customer nor an expert."""
    plans: int = 8
    repeats: int = 4
    """Checks in a row that told nothing new."""
    soft: float = 0.8
    """Share of a limit from which on no model is asked any more: the playbook brings the case to its end."""


def limit_reached(case: Case, budget: Budget, now: datetime) -> LimitReached | None:
    """The first limit that the case is at."""
    for guard, (value, most) in _used(case, budget, now).items():
        if value >= most:
            return LimitReached(guard=guard, detail=_are_used(guard, value, most) + _of_them_lost(guard, case.spent))
    return _loop(case, budget)


def soft_limit(case: Case, budget: Budget, now: datetime) -> str:
    """The first limit of which so much is used that no model is to be asked any more; empty when there is none."""
    for guard, (value, most) in _used(case, budget, now).items():
        if guard != "plans" and value >= budget.soft * most:
            return _are_used(guard, value, most)
    return ""


def unaffordable(spent: Spent, budget: Budget, question: Question) -> str:
    """Why the case cannot pay for `question`; empty when it can."""
    left = budget.tokens - spent.used.tokens
    if question.tokens > left:
        return f"the question takes up to {question.tokens} tokens, and the case has {left} left to spend"
    money, cost = budget.money - budget.prices.of(spent.used), budget.prices.of(question)
    if cost > money:
        return f"the question costs up to {cost:.4g}, and the case has {money:.4g} left to spend"
    return ""


def _used(case: Case, budget: Budget, now: datetime) -> dict[str, tuple[float, float]]:
    """What is used of each limit, and the limit."""
    spent = case.spent
    return {
        "actions": (spent.actions, budget.actions),
        "decisions": (spent.decisions, budget.decisions),
        "tokens": (spent.used.tokens, budget.tokens),
        "money": (budget.prices.of(spent.used), budget.money),
        "plans": (case.plan_requests, budget.plans * (1 + len(case.guidance))),
        "seconds": (case.worked(now), budget.wall.total_seconds()),
    }


def _are_used(guard: str, value: float, most: float) -> str:
    if guard == "money":
        return f"{value:.4g} of {most:.4g} are spent on the model"
    return f"{value:.0f} of {most:.0f} {guard} are used"


def _of_them_lost(guard: str, spent: Spent) -> str:
    if guard not in ("tokens", "money") or not spent.lost:
        return ""
    return f", {spent.lost} tokens of it for answers that were lost"


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
