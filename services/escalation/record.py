"""A case's part in the business figures, kept as its log comes by. Pure; the log again gives the same.

A reopened case takes back its outcome: the record always says how the case stands now.
"""

from datetime import datetime
from functools import singledispatch

from aivis.events import cases, escalations, plans, replies, tickets
from aivis.events.actions import ActionFailed, ActionFinished, FailureKind, Purpose
from aivis.events.envelope import Event, JsonObject, Payload, Value

_WRONG = frozenset({FailureKind.INVALID, FailureKind.NOT_FOUND, FailureKind.REFUSED})
"""Failures that a better chosen call would not have met. What policy forbade or could not be reached is not counted."""


class Act(Value):
    """A tool call that the agent decided on."""

    purpose: Purpose
    undoes: str = ""
    right: bool | None = None
    """Whether it succeeded; None while it runs, and for calls that do not count."""
    judged: bool | None = None
    """What an expert said of it."""

    @property
    def good(self) -> bool | None:
        """The expert's word, else whether it succeeded."""
        return self.right if self.judged is None else self.judged


class Record(Value):
    """What the figures need of a case."""

    opened_at: datetime | None = None
    scenario: str = ""
    first_reply_at: datetime | None = None
    outcome: str = ""
    """As `OutcomeReached` says, or `closed` when the upstream system closed it without one; empty while it is open."""
    independent: bool = False
    ended_at: datetime | None = None
    reopened: int = 0
    acts: dict[str, Act] = {}
    proposals: dict[str, bool | None] = {}
    """What the agent proposed to experts (an action to approve, an escalation with a proposal), and whether it was
    adopted; None while nobody has decided."""


class CaseFigures(Value):
    """One case in the table of figures. Counts of what has ended; times in seconds, None while there is none."""

    scenario: str
    outcome: str
    independent: bool
    escalated: bool
    reopened: int
    proposals: int
    adopted: int
    effects: int
    effects_right: int
    calls: int
    calls_right: int
    first_response: float | None
    resolution: float | None


def figures(record: Record, *, escalated: bool) -> CaseFigures | None:
    """The case's row; None before its ticket is known."""
    if record.opened_at is None:
        return None
    undone = {act.undoes for act in record.acts.values() if act.purpose is Purpose.UNDO and act.right}
    calls = [act.good for act in record.acts.values() if act.good is not None]
    effects = [
        bool(act.good) and action not in undone
        for action, act in record.acts.items()
        if act.purpose is Purpose.REMEDY and act.good is not None
    ]
    decided = [adopted for adopted in record.proposals.values() if adopted is not None]
    return CaseFigures(
        scenario=record.scenario or "unknown",
        outcome=record.outcome or "open",
        independent=record.independent,
        escalated=escalated,
        reopened=record.reopened,
        proposals=len(decided),
        adopted=sum(decided),
        effects=len(effects),
        effects_right=sum(effects),
        calls=len(calls),
        calls_right=sum(map(bool, calls)),
        first_response=_seconds(record.opened_at, record.first_reply_at),
        resolution=_seconds(record.opened_at, record.ended_at),
    )


def recorded(record: Record, event: Event) -> Record:
    """The record after `event`, an entry of the case's log."""
    return record.model_copy(update=_change(event.data, record, event.time))


@singledispatch
def _change(data: Payload, record: Record, at: datetime) -> JsonObject:
    return {}


@_change.register
def _(data: tickets.TicketOpened, record: Record, at: datetime) -> JsonObject:
    return {"opened_at": min(data.opened_at, at)}


@_change.register
def _(data: plans.PlanMade, record: Record, at: datetime) -> JsonObject:
    return {"scenario": data.plan.classification.scenario.value}


@_change.register
def _(data: replies.ReplySent, record: Record, at: datetime) -> JsonObject:
    return {"first_reply_at": record.first_reply_at or at}


@_change.register
def _(data: replies.OutcomeReached, record: Record, at: datetime) -> JsonObject:
    return {"outcome": data.outcome.value, "independent": data.independent, "ended_at": at}


@_change.register(tickets.TicketClosed)
@_change.register(tickets.TicketMerged)
def _(data: Payload, record: Record, at: datetime) -> JsonObject:
    return {"outcome": record.outcome or "closed"}


@_change.register(tickets.TicketReopened)
@_change.register(tickets.TicketMessageAdded)
def _(data: Payload, record: Record, at: datetime) -> JsonObject:
    if not record.outcome:
        return {}
    return {"outcome": "", "independent": False, "ended_at": None, "reopened": record.reopened + 1}


@_change.register
def _(data: cases.DecisionMade, record: Record, at: datetime) -> JsonObject:
    new = {a.action: Act(purpose=a.purpose, undoes=a.undoes) for a in data.actions if a.action not in record.acts}
    return {"acts": {**record.acts, **new}} if new else {}


@_change.register
def _(data: ActionFinished, record: Record, at: datetime) -> JsonObject:
    return _ended(record, data.action, right=True)


@_change.register
def _(data: ActionFailed, record: Record, at: datetime) -> JsonObject:
    return _ended(record, data.action, right=False if data.kind in _WRONG else None)


def proposed(record: Record, id: str) -> Record:
    """The agent proposed something that an expert is to decide."""
    return record.model_copy(update={"proposals": {id: None, **record.proposals}})


def decided(record: Record, id: str, *, adopted: bool) -> Record:
    """An expert adopted the proposal `id`, or did not; of something that is none, nothing changes."""
    if id not in record.proposals:
        return record
    return record.model_copy(update={"proposals": {**record.proposals, id: adopted}})


def judged(record: Record, id: str, *, right: bool) -> Record:
    """An expert judged an action or a proposal."""
    if id in record.acts:
        acts = {**record.acts, id: record.acts[id].model_copy(update={"judged": right})}
        return record.model_copy(update={"acts": acts})
    return decided(record, id, adopted=right)


def has_proposal(escalation: escalations.CaseEscalated) -> bool:
    return bool(escalation.summary.proposed)


def _ended(record: Record, action: str, *, right: bool | None) -> JsonObject:
    act = record.acts.get(action)
    return {} if act is None else {"acts": {**record.acts, action: act.model_copy(update={"right": right})}}


def _seconds(begin: datetime, end: datetime | None) -> float | None:
    return None if end is None else max(0.0, (end - begin).total_seconds())
