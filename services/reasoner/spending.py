"""What a case spends on a model: a question counts from before it is asked, so that no crash makes it free.

What it may take at most is set aside, durably, before the question goes out. The answer's own count takes its place;
of a question whose answer was lost, all of it stays spent. A call that was made and is not known of is at most the one
that is under way.
"""

from collections.abc import Awaitable, Callable

from aivis.errors import Refused
from aivis.events.cases import ModelResponded
from services.reasoner import metrics
from services.reasoner.draft import Draft
from services.reasoner.guards import Budget, soft_limit, unaffordable
from services.reasoner.spent import Question, Spent, asked, lost, released


class CaseAccount:
    """The account of one subtask's questions; see `Account`."""

    def __init__(self, draft: Draft, subtask: str, budget: Budget, persist: Callable[[], Awaitable[None]]) -> None:
        self._draft = draft
        self._subtask = subtask
        self._budget = budget
        self._persist = persist

    async def reserve(self, prompt: int, completion: int) -> None:
        self._spend(self._lost())
        case, question = self._draft.case, Question(prompt=prompt, completion=completion)
        if near := soft_limit(case, self._budget, self._draft.now):
            raise Refused(f"{near}: the case is brought to its end without a model")
        if too_much := unaffordable(case.spent, self._budget, question):
            raise Refused(too_much)
        self._spend(asked(case.spent, self._subtask, question))
        await self._persist()

    async def record(self, response: ModelResponded) -> None:
        self._draft.record(response)
        await self._persist()

    def unanswered(self, *, free: bool) -> None:
        self._spend(released(self._draft.case.spent, self._subtask) if free else self._lost())

    def _lost(self) -> Spent:
        """Nobody waits for an answer any more: that of an earlier question was lost in a crash."""
        spent = self._draft.case.spent
        if question := spent.asked.get(self._subtask):
            metrics.LOST_TOKENS.inc(question.tokens)
        return lost(spent, self._subtask)

    def _spend(self, spent: Spent) -> None:
        self._draft.change(spent=spent)
