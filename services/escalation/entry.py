"""A case as experts see it: what the agent hands over, what waits for a person's word, who has it. Values only."""

from datetime import datetime
from enum import StrEnum

import orjson

from aivis.access import AGENT
from aivis.events.envelope import JsonObject, Value
from aivis.events.escalations import EscalationReason, Summary
from aivis.events.replies import OutcomeReached, Status
from services.escalation.record import Record

KEPT_ANSWERS = 50
ENDED = frozenset({Status.RESOLVED, Status.CLOSED})


class Place(StrEnum):
    """Where a case stands for experts; also the label by which entries are listed."""

    OPEN = "open"
    """Waits for a person, and nobody has it."""
    TAKEN = "taken"
    QUIET = "quiet"
    """The agent works; nothing is wanted."""
    ENDED = "ended"


class Escalation(Value):
    """What the agent handed over, and how it ended."""

    id: str
    reason: EscalationReason
    summary: Summary
    skill: str
    language: str
    at: datetime
    ended_by: str = ""
    """`guidance`, `answer`, `hand-back`, `case`; empty while it is open."""
    apart: bool = False
    """Something went lost on its way into or out of the case, which goes on without it: only people end this."""


class Approval(Value):
    """An action that policy lets run only with an expert's word."""

    action: str
    tool: str
    arguments: JsonObject
    digest: str
    risk: str
    reason: str
    asked_at: datetime
    expires_at: datetime
    verdict: str = ""
    """`granted`, `denied`, or `over` when the action ended without a word; empty while it waits."""
    expert: str = ""


class Doubt(Value):
    """An action of which nobody knows whether it took effect."""

    action: str
    tool: str
    arguments: JsonObject
    message: str
    at: datetime
    verdict: str = ""
    """`happened`, `did-not-happen`, or `over`; empty while it waits."""
    expert: str = ""


class Overdue(Value):
    """What the reasoner said last of a wait that takes too long."""

    about: str
    """The escalation or the action; empty when an expert has the case."""
    expert: str
    since: datetime
    times: int
    at: datetime


class Answer(Value):
    """What came of an expert's command, for the request that waits for it."""

    status: int
    """As HTTP says it: 200 done, 403, 404, 409 refused, 500 failed."""
    detail: str = ""


class Entry(Value):
    """A case. Its log, numbered by `last`, holds the timeline."""

    ticket: str = ""
    source: str = ""
    customer: str = ""
    subject: str = ""
    text: str = ""
    opened_at: datetime | None = None
    """None: something was heard of the case before its ticket."""
    status: Status = Status.OPEN
    owner: str = AGENT
    claim: str = ""
    """The expert who asked to own the case; theirs when the reasoner says so."""
    outcome: OutcomeReached | None = None
    ended_at: datetime | None = None
    """When it ended last."""
    escalation: Escalation | None = None
    """The latest."""
    escalations: tuple[str, ...] = ()
    """Ids of all there were."""
    approvals: tuple[Approval, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    words: dict[str, tuple[str, str]] = {}
    """Verdict and expert of actions that were decided before the database was restored, and are not heard of yet."""
    overdue: Overdue | None = None
    """The latest; see `late`."""
    last: int = 0
    answers: dict[str, Answer] = {}
    """What came of the latest commands, by id."""
    record: Record = Record()

    @property
    def ended(self) -> bool:
        return self.outcome is not None or self.status in ENDED

    @property
    def expert(self) -> str:
        """The expert who has the case, or asked for it; empty while it is the agent's."""
        return self.owner if self.owner != AGENT else self.claim

    @property
    def open_escalation(self) -> Escalation | None:
        """Of a case that has ended, one from after its end."""
        one = self.escalation
        if one is None or one.ended_by:
            return None
        late = self.ended_at is not None and one.at > self.ended_at
        return one if one.apart or late or not self.ended else None

    @property
    def pending_approvals(self) -> tuple[Approval, ...]:
        return () if self.ended else tuple(approval for approval in self.approvals if not approval.verdict)

    @property
    def pending_doubts(self) -> tuple[Doubt, ...]:
        """Also of a case that has ended: what was done to the customer's system is still not known."""
        return tuple(doubt for doubt in self.doubts if not doubt.verdict)

    @property
    def waits(self) -> bool:
        """Whether a person is wanted."""
        return bool(self.open_escalation or self.pending_approvals or self.pending_doubts)

    @property
    def waits_since(self) -> datetime | None:
        times = [approval.asked_at for approval in self.pending_approvals] + [doubt.at for doubt in self.pending_doubts]
        times += [self.open_escalation.at] if self.open_escalation else []
        return min(times, default=None)

    @property
    def late(self) -> Overdue | None:
        """The wait that is overdue, while it lasts."""
        overdue = self.overdue
        if overdue is None:
            return None
        if overdue.expert:
            return overdue if overdue.expert == self.owner and not self.ended else None
        waiting = {approval.action for approval in self.pending_approvals}
        waiting |= {doubt.action for doubt in self.pending_doubts}
        if self.open_escalation:
            waiting.add(self.open_escalation.id)
        return overdue if overdue.about in waiting else None

    @property
    def place(self) -> Place:
        if self.ended and not self.pending_doubts and not self.open_escalation:
            return Place.ENDED
        if self.expert:
            return Place.TAKEN
        return Place.OPEN if self.waits else Place.QUIET


def load(state: bytes | None) -> Entry:
    return Entry() if state is None else Entry.model_validate(orjson.loads(state))


def dump(entry: Entry) -> bytes:
    return orjson.dumps(entry.model_dump(mode="json", exclude_defaults=True))
