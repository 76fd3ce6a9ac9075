"""What is given up on reaches somebody: for every service, every type of event that it takes in, read or not.

A type that a service takes in and that has no rule here fails the first test.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from aivis import topics
from aivis.events import actions, cases, escalations, knowledge, plans, registry, replies, tickets
from aivis.events.actions import ActionFailed
from aivis.events.envelope import Event, Head, Payload, headers_of
from aivis.events.escalations import CaseEscalated, CaseOverdue, EscalationReason
from aivis.events.plans import PlanMade, Route
from aivis.events.timers import TimerDue
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.turn import Handler, Turn
from aivis.mailbox.values import Arrival, Key, Letter, Outgoing, Step
from services.escalation import entry
from services.escalation.desk import COMMANDS
from services.escalation.entry import Place
from tests.contract.samples import EVENTS, record
from tests.unit.services.test_subscribers import BUILT, build, carried, read_by

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
REASON = "KeyError: 'port'"


@dataclass(frozen=True)
class Buried:
    """A message that is being buried, and what the service does about it."""

    case: str
    turn: Turn
    step: Step

    @property
    def published(self) -> list[Outgoing]:
        return [each for each in self.step.publish if each.topic != topics.CASE_EVENTS.name]


Rule = Callable[[Buried, Handler], Awaitable[None]]
"""Checks what was told; the other handler is the desk of those who shall see it."""


def _turn(event: Event) -> Turn:
    async def keep(turn: Turn, step: Step) -> None: ...

    return Turn(Key(event.tenant, event.case), None, "", 0, 0, (event,), lambda: NOW, keep)


async def person(buried: Buried, desk: Handler) -> None:
    """The case's experts see that something went lost, what, and how to mend it."""
    [told] = [each for each in buried.published if each.topic == topics.ESCALATIONS.name]
    data = told.event.data
    assert isinstance(data, CaseEscalated)
    assert data.reason is EscalationReason.FAULT
    assert REASON in data.summary.problem
    assert (told.event.tenant, told.event.case) == (buried.turn.key.tenant, buried.case)
    shown = entry.load((await desk.handle(_turn(told.event))).state)
    assert shown.place is Place.OPEN
    assert shown.open_escalation is not None


async def console(buried: Buried, desk: Handler) -> None:
    """The same, in escalation's own books."""
    assert buried.step.state is not None
    kept = entry.load(buried.step.state)
    assert kept.place is Place.OPEN
    assert kept.open_escalation is not None
    assert REASON in kept.open_escalation.summary.problem


async def who_asked_for_a_plan(buried: Buried, desk: Handler) -> None:
    """The reasoner gets a plan that says that people plan."""
    [told] = buried.published
    assert told.topic == topics.PLANS.name
    assert isinstance(told.event.data, PlanMade)
    assert (told.event.data.plan.route, told.event.data.plan.failed) == (Route.EXPERT, True)
    assert REASON in told.event.data.plan.reason


async def who_asked_for_an_action(buried: Buried, desk: Handler) -> None:
    """The reasoner hears that nothing was done."""
    [told] = buried.published
    assert told.topic == topics.RESULTS.name
    assert isinstance(told.event.data, ActionFailed)
    assert told.event.data.action == buried.turn.key.name
    assert REASON in told.event.data.message
    assert told.event.case == buried.case


async def who_commands(buried: Buried, desk: Handler) -> None:
    """The expert whose request waits is answered."""
    assert buried.step.state is not None
    [answer] = entry.load(buried.step.state).answers.values()
    assert answer.status == 500
    assert REASON in answer.detail


async def operator(buried: Buried, desk: Handler) -> None:
    """A document is no case: the figures of dead letters, their alert and `aivis doctor` tell of it."""
    assert (buried.step.publish, buried.step.label) == ((), "refused")


def all_by(types: tuple[type[Payload], ...], rule: Rule) -> dict[str, Rule]:
    return {kind.TYPE: rule for kind in types}


Rules = dict[str, Rule]
_INTAKE = (tickets.TicketSubmitted, tickets.MessageSubmitted, tickets.StateSubmitted)
_TICKETS = (
    tickets.TicketOpened, tickets.TicketMessageAdded, tickets.TicketEdited, tickets.TicketClosed,
    tickets.TicketReopened, tickets.TicketMerged, tickets.TicketWithdrawn,
)  # fmt: skip
_REPLIES = (replies.ReplySent, replies.NotePosted, replies.StatusChanged, replies.OwnerChanged, replies.OutcomeReached)
_RESULTS = (actions.ActionFinished, actions.ActionFailed, actions.ActionUnsettled, actions.ApprovalRequested)
_WORDS = (actions.ApprovalGranted, actions.ApprovalDenied, actions.Settlement)
_GUIDANCE = (
    escalations.GuidanceGiven, escalations.AnswerGiven, escalations.CaseTaken, escalations.CaseHandedBack
)  # fmt: skip
_OF_CASES = (cases.DecisionMade, cases.SubtaskEnded, cases.ModelResponded, cases.LimitReached)
_DOCUMENTS = (knowledge.DocumentPublished, knowledge.DocumentWithdrawn)

_PLANS = (plans.PlanRequested, plans.PlanMade)
RULES: dict[str, Rules] = {
    "gateway": all_by((*_INTAKE, *_TICKETS, *_REPLIES), person),
    "planner": {plans.PlanRequested.TYPE: who_asked_for_a_plan},
    "reasoner": all_by((*_TICKETS, plans.PlanMade, *_RESULTS, *_GUIDANCE), person),
    "executor": {
        actions.ActionRequested.TYPE: who_asked_for_an_action,
        **all_by(_WORDS, person),
    },
    "retriever": all_by(_DOCUMENTS, operator),
    "escalation": all_by(
        (
            *_TICKETS,
            plans.PlanRequested,
            plans.PlanMade,
            *_RESULTS,
            CaseEscalated,
            CaseOverdue,
            *_GUIDANCE,
            *_REPLIES,
            *_OF_CASES,
        ),
        console,
    ),
}
UNREAD: dict[tuple[str, str], Rule] = {("planner", plans.PlanRequested.TYPE): person}
"""Where it is told otherwise what cannot be read."""
OWN: dict[str, Rules] = {
    "gateway": {TimerDue.TYPE: person},
    "planner": {},
    "reasoner": {TimerDue.TYPE: person},
    "executor": {TimerDue.TYPE: person},
    "retriever": {},
    "escalation": all_by(COMMANDS, who_commands),
}
"""For what a service sends itself, or lets in by HTTP."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Mailbox]:
    """The mailbox of every service, opened to nothing."""
    found = {name: build(name, tmp_path_factory.mktemp(name)).mailbox for name in BUILT}
    return {name: mailbox for name, mailbox in found.items() if mailbox is not None}


def let_in(name: str, mailbox: Mailbox) -> list[tuple[Arrival, Event]]:
    """A sample of everything that the service takes in from the bus, as it lies in its inbox."""
    letters = [from_upstream(letter) for topic in read_by(name) for letter in carried(topic)]
    arrivals = [arrival for letter in letters if (arrival := mailbox.admit(letter)) is not None]
    return [(each, registry.decode(each.headers, each.value, where=each.topic)) for each in arrivals]


def from_upstream(letter: Letter) -> Letter:
    """The samples are another source's."""
    if not letter.topic.startswith(topics.INTAKE_PREFIX):
        return letter
    source = letter.topic.removeprefix(topics.INTAKE_PREFIX).encode()
    headers = tuple((name, source if name == "ce_source" else value) for name, value in letter.headers)
    return replace(letter, headers=headers)


def own(name: str) -> list[tuple[Arrival, Event]]:
    """What the service sends itself, or its HTTP side lets in."""
    sampled = {sample.kind: record(sample.document()) for sample in EVENTS}
    found = [registry.decode(sampled[kind].headers, sampled[kind].value, where=kind) for kind in sorted(OWN[name])]
    return [(Arrival(each.id, Key(each.tenant, each.case), "", headers_of(each), b""), each) for each in found]


def buried(mailbox: Mailbox, arrival: Arrival, event: Event, *, read: bool) -> Buried:
    async def keep(turn: Turn, step: Step) -> None:
        raise AssertionError("giving up commits nothing on the way")

    turn = Turn(arrival.key, None, "", 3, 4, (event,) if read else (), lambda: NOW, keep)
    turn.unread = () if read else (Head.read(arrival.headers, where="here"),)
    return Buried(
        event.case if mailbox.service == "executor" else arrival.key.name, turn, mailbox.handler.give_up(turn, REASON)
    )


@pytest.mark.parametrize("name", BUILT)
def test_every_type_that_a_service_takes_in_has_its_rule(name: str, built: dict[str, Mailbox]) -> None:
    assert {event.type for _, event in let_in(name, built[name])} == RULES[name].keys()


@pytest.mark.parametrize("read", [True, False], ids=["read", "unread"])
@pytest.mark.parametrize("name", BUILT)
async def test_what_is_given_up_on_reaches_somebody(name: str, built: dict[str, Mailbox], *, read: bool) -> None:
    for samples, rules in ((let_in(name, built[name]), RULES[name]), (own(name), OWN[name])):
        for arrival, event in samples:
            rule = rules[event.type] if read else UNREAD.get((name, event.type), rules[event.type])
            await rule(buried(built[name], arrival, event, read=read), built["escalation"].handler)


@pytest.mark.parametrize("name", ["gateway", "reasoner", "executor", "planner"])
def test_of_a_message_whose_headers_cannot_be_read_people_are_told_too(name: str, built: dict[str, Mailbox]) -> None:
    arrival, event = let_in(name, built[name])[0]
    found = buried(built[name], arrival, event, read=False)
    found.turn.unread = ()
    [told] = built[name].handler.give_up(found.turn, REASON).publish
    assert told.topic == topics.ESCALATIONS.name
    assert told.event.case == arrival.key.name


def test_what_is_buried_anew_after_it_was_put_back_is_told_anew(built: dict[str, Mailbox]) -> None:
    """The same turn, run again because its commit's reply was lost, tells the same."""
    arrival, event = let_in("gateway", built["gateway"])[0]
    turn = buried(built["gateway"], arrival, event, read=True).turn
    once, twice = (built["gateway"].handler.give_up(turn, REASON).publish[0].event for _ in range(2))
    turn.version += 1
    anew = built["gateway"].handler.give_up(turn, REASON).publish[0].event
    assert once == twice
    assert once.id != anew.id
