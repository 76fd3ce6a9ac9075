"""A case for the tests: its log, entry by entry, a second apart."""

from datetime import UTC, datetime, timedelta

from aivis import identity
from aivis.events import actions, cases, escalations, plans, replies, tickets
from aivis.events.envelope import Event, Payload
from services.escalation import folding
from services.escalation.entry import Entry

BEGIN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
CASE = identity.case_id("acme", "desk", "T-1")
OPENED = tickets.TicketOpened(
    ticket="T-1", source="desk", customer="c-7", subject="No access", text="SSH times out.", opened_at=BEGIN
)
ESCALATED = escalations.CaseEscalated(
    escalation="esc-1",
    reason=escalations.EscalationReason.REMEDY_FAILED,
    summary=escalations.Summary(
        problem="Port 22 stays closed.", tried=("rule added",), proposed=("move the instance",)
    ),
)
ASKED = actions.ApprovalRequested(
    action="act-9",
    tool="cloud.release_address",
    arguments={"address": "203.0.113.9"},
    digest="d" * 64,
    risk="destructive",
    reason="releasing cannot be undone",
    expires_at=BEGIN + timedelta(hours=1),
)
UNSETTLED = actions.ActionUnsettled(action="act-8", tool="cloud.reboot", arguments={"id": "i-1"}, message="no answer")


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def said(data: Payload, seconds: float = 0, *, sequence: int | None = None, id: str = "") -> Event:
    """An event of the case so many seconds after its beginning; with `sequence`, of its log."""
    return Event(
        id=id or identity.derived(data.TYPE, repr(data), str(seconds), str(sequence)),
        type=data.TYPE,
        source="reasoner",
        tenant="acme",
        case=CASE,
        time=at(seconds),
        data=data,
        sequence=sequence,
    )


def decision(action: str, purpose: actions.Purpose, *, undoes: str = "") -> cases.DecisionMade:
    request = actions.ActionRequested(
        action=action, subtask="s1", agent="diagnostic", tool="cloud.change", arguments={}, purpose=purpose,
        customer="c-7", undoes=undoes,
    )  # fmt: skip
    return cases.DecisionMade(kind=cases.DecisionKind.CALL_TOOLS, brain="playbook", reason="likely", actions=(request,))


def finished(action: str) -> actions.ActionFinished:
    return actions.ActionFinished(action=action, tool="cloud.change", result={}, seconds=1)


def failed(action: str, kind: actions.FailureKind) -> actions.ActionFailed:
    return actions.ActionFailed(action=action, tool="cloud.change", kind=kind, message="no")


def plan() -> plans.PlanMade:
    kinds = plans.Classification(
        complexity=plans.Complexity.SIMPLE,
        frequency=plans.Frequency.COMMON,
        scenario=plans.Scenario.DIAGNOSTIC,
        confidence=0.9,
    )
    return plans.PlanMade(request="p1", plan=plans.Plan(classification=kinds, route=plans.Route.AGENT, reason="clear"))


def outcome(kind: replies.Outcome, *, independent: bool = True) -> replies.OutcomeReached:
    return replies.OutcomeReached(outcome=kind, summary="done", independent=independent)


def status(kind: replies.Status) -> replies.StatusChanged:
    return replies.StatusChanged(status=kind)


def logged(*payloads: Payload, entry: Entry | None = None, begin: int = 0) -> Entry:
    """The entry after these, each logged a second after the one before."""
    entry = entry or Entry()
    for place, data in enumerate(payloads, begin):
        entry = folding.logged(entry, said(data, place, sequence=place + 1))
    return entry


def waiting() -> Entry:
    """An opened case that waits for a person in every way."""
    entry = logged(OPENED, plan())
    for place, data in enumerate((ESCALATED, ASKED, UNSETTLED), 2):
        entry = folding.waits(entry, said(data, place))
    return entry
