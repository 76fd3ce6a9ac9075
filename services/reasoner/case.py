"""What a case is: the view that its log of events folds into (folding.py)."""

from datetime import datetime
from enum import StrEnum

from aivis.events.actions import ActionFailed, ActionFinished, ActionRequested
from aivis.events.cases import ModelResponded, SubtaskEnded
from aivis.events.envelope import JsonObject, Value
from aivis.events.escalations import CaseEscalated, GuidanceGiven
from aivis.events.plans import Plan, PlanRequested, Subtask
from aivis.events.replies import Outcome, Status
from aivis.events.tickets import TicketOpened
from services.reasoner.spent import Spent

AGENT = "agent"
"""The owner of a case that no person has taken."""
BUDGET = "budget"
"""The deadline of a case that is the agent's to work at."""


class Line(Value):
    """Something said in the conversation with the customer."""

    author: str
    text: str
    customer: bool = False


class Waiting(StrEnum):
    """What an action waits for."""

    RESULT = "result"
    APPROVAL = "approval"
    SETTLEMENT = "settlement"
    """Whether the effect happened is not known; a person finds out."""


class Attempt(Value):
    """An action that was decided on, and what came of it."""

    action: ActionRequested
    waits_for: Waiting | None = Waiting.RESULT
    finished: ActionFinished | None = None
    failed: ActionFailed | None = None


class Trajectory(Value):
    """A subtask and how far it is."""

    subtask: Subtask
    attempts: tuple[Attempt, ...] = ()
    response: ModelResponded | None = None
    """What a model said last and nobody acted on yet: after a crash it is acted on, not asked for again."""
    ended: SubtaskEnded | None = None

    @property
    def waiting(self) -> tuple[Attempt, ...]:
        return tuple(attempt for attempt in self.attempts if attempt.waits_for is not None)


class Deadline(Value):
    """The timer that watches over a case, and what for (deadlines.py)."""

    name: str
    wait: str
    """Which wait it bounds: another one begins anew."""
    since: datetime
    times: int = 0
    """How often it was due."""


class Case(Value):
    """A case as of its `sequence`-th event."""

    tenant: str
    id: str
    sequence: int
    ticket: TicketOpened
    conversation: tuple[Line, ...] = ()
    """After the ticket's own text."""
    guidance: tuple[GuidanceGiven, ...] = ()
    plan: Plan | None = None
    plan_request: PlanRequested | None = None
    """The plan asked for and not yet made."""
    plan_request_event: str = ""
    plan_stale: bool = True
    """Something was said that the plan does not know of."""
    plan_requests: int = 0
    trajectories: tuple[Trajectory, ...] = ()
    owner: str = AGENT
    status: Status = Status.OPEN
    status_at: int = 0
    """Number of the entry that changed the status last."""
    escalation: CaseEscalated | None = None
    """The escalation that is open."""
    escalations: int = 0
    assisted: bool = False
    """A person took part: guided, approved, settled, answered or took the case."""
    outcome: Outcome | None = None
    closed: bool = False
    spent: Spent
    reasked: int = 0
    """How often in a row something outstanding was asked for again."""
    deadline: Deadline | None = None
    taken: tuple[str, ...] = ()
    """Ids of events that were taken in with a commit in the middle of a turn, and are not done with."""
    heard: tuple[str, ...] = ()
    """Inputs that are in the log, and that a restored database may be told again."""
    restored: str = ""
    """The latest restoration that is dealt with."""
    gap: bool = False
    """Entries of the log are nowhere any more."""

    @property
    def text(self) -> str:
        """All that the customer said, oldest first."""
        customers = (line.text for line in self.conversation if line.customer)
        return "\n\n".join([self.ticket.text, *customers])

    @property
    def language(self) -> str:
        return self.plan.language if self.plan else "en"

    @property
    def waiting(self) -> tuple[Attempt, ...]:
        """Every action without an outcome."""
        return tuple(attempt for trajectory in self.trajectories for attempt in trajectory.waiting)

    @property
    def waits_for_person(self) -> bool:
        """Whether an action waits for an expert's word."""
        return any(attempt.waits_for in (Waiting.APPROVAL, Waiting.SETTLEMENT) for attempt in self.waiting)

    @property
    def ended(self) -> bool:
        return self.closed or self.outcome is not None

    @property
    def ours(self) -> bool:
        """Whether the agent is to act: nobody else owns the case, and it has not ended."""
        return not self.ended and self.owner == AGENT and self.escalation is None

    @property
    def asks_customer(self) -> bool:
        """Whether the agent waits for the customer's answer, and none has come."""
        return self.ours and self.status is Status.WAITING_FOR_CUSTOMER and not self.plan_stale

    def worked(self, now: datetime) -> float:
        """Seconds that the agent has worked at it since it was opened, reopened or guided: waits for people are out."""
        deadline = self.deadline
        if deadline is None or (deadline.name, deadline.wait) != (BUDGET, self.spent.since.isoformat()):
            return self.spent.worked
        return self.spent.worked + max(0.0, (now - deadline.since).total_seconds())

    def trajectory(self, subtask: str) -> Trajectory:
        return next(trajectory for trajectory in self.trajectories if trajectory.subtask.id == subtask)

    @property
    def facts(self) -> JsonObject:
        """What was found out, by subtask: for the planner."""
        return {t.subtask.id: t.ended.finding for t in self.trajectories if t.ended is not None}
