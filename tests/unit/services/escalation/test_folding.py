import pytest

from aivis.events import escalations, tickets
from aivis.events.actions import FailureKind
from aivis.events.envelope import Event, Payload
from aivis.events.replies import Outcome, OwnerChanged, Status
from services.escalation import entry as entries
from services.escalation import folding
from services.escalation.entry import Entry, Place
from tests.unit.services.escalation.cases import (
    ASKED,
    ESCALATED,
    OPENED,
    UNSETTLED,
    at,
    failed,
    finished,
    logged,
    outcome,
    said,
    status,
    waiting,
)


@pytest.mark.parametrize("data", [ESCALATED, ASKED, UNSETTLED], ids=lambda data: data.TYPE)
@pytest.mark.parametrize("log_first", [True, False])
def test_what_waits_for_people_counts_once_whichever_topic_is_first(data: Payload, log_first: bool) -> None:
    on_topic, in_log = said(data, 3), said(data, 3, sequence=3)
    entry = logged(OPENED)
    entry = folding.logged(entry, in_log) if log_first else folding.waits(entry, on_topic)
    again = folding.waits(entry, on_topic) if log_first else folding.logged(entry, in_log)

    assert entry.place is Place.OPEN
    assert again == entry


def test_a_case_is_listed_although_its_ticket_has_not_been_heard_of() -> None:
    entry = folding.waits(Entry(), said(ESCALATED, 3))

    assert entry.place is Place.OPEN


LOST = escalations.CaseEscalated(
    escalation="lost-1",
    reason=escalations.EscalationReason.FAULT,
    summary=escalations.Summary(problem="The gateway gave up on a message.", known=("hello?",)),
)


def lost(seconds: float) -> Event:
    """Something that the gateway gave up on."""
    return said(LOST, seconds)._replace(source="gateway")


@pytest.mark.parametrize("seconds", [2, 4], ids=["before", "after"])
def test_two_escalations_that_are_open_are_both_in_sight(seconds: float) -> None:
    entry = folding.waits(folding.waits(logged(OPENED), said(ESCALATED, 3)), lost(seconds))

    assert entry.open_escalation is not None
    told = entry.open_escalation.summary
    assert {ESCALATED.summary.problem, LOST.summary.problem, "hello?"} <= {told.problem, *told.known}
    assert len(entry.escalations) == 2


@pytest.mark.parametrize("data", [outcome(Outcome.FIXED), tickets.TicketClosed()], ids=lambda data: data.TYPE)
def test_what_went_lost_is_in_sight_until_a_person_saw_to_it_whatever_became_of_the_case(data: Payload) -> None:
    entry = folding.logged(folding.waits(logged(OPENED), lost(3)), said(data, 5, sequence=5))
    entry = folding.logged(entry, said(status(Status.CLOSED), 6, sequence=6))
    assert entry.place is Place.OPEN

    answered = folding.logged(entry, said(escalations.AnswerGiven(expert="ada", text="so"), 7, sequence=7))
    assert answered.place is Place.ENDED


@pytest.mark.parametrize(("seconds", "place"), [(2, Place.ENDED), (9, Place.OPEN)], ids=["before", "after"])
def test_an_escalation_from_after_a_case_s_end_is_in_sight(seconds: float, place: Place) -> None:
    entry = folding.logged(logged(OPENED), said(outcome(Outcome.FIXED), 5, sequence=5))
    entry = folding.logged(entry, said(status(Status.RESOLVED), 6, sequence=6))

    assert folding.waits(entry, said(ESCALATED, seconds)).place is place


@pytest.mark.parametrize(
    "data",
    [
        escalations.GuidanceGiven(expert="ada", text="go on"),
        escalations.AnswerGiven(expert="ada", text="this way"),
        outcome(Outcome.EXPERT, independent=False),
        tickets.TicketClosed(),
        tickets.TicketWithdrawn(),
        tickets.TicketReopened(),
    ],
    ids=lambda data: data.TYPE,
)
def test_an_escalation_ends_with_what_ends_it(data: Payload) -> None:
    entry = folding.logged(folding.waits(logged(OPENED), said(ESCALATED, 3)), said(data, 5, sequence=5))

    assert entry.open_escalation is None


def test_an_escalation_is_not_ended_by_what_was_before_it() -> None:
    """The escalation's own topic overtook the log."""
    entry = folding.waits(logged(OPENED), said(ESCALATED, 8))
    entry = folding.logged(entry, said(escalations.GuidanceGiven(expert="ada", text="go on"), 5, sequence=5))

    assert entry.open_escalation is not None


def test_an_older_escalation_that_comes_late_does_not_replace_the_newer() -> None:
    newer = ESCALATED.model_copy(update={"escalation": "esc-2"})
    entry = folding.waits(folding.waits(logged(OPENED), said(newer, 8)), said(ESCALATED, 3))

    assert entry.open_escalation is not None
    assert entry.open_escalation.id == "esc-2"


def test_a_decided_escalation_that_is_repeated_stays_decided() -> None:
    entry = folding.waits(logged(OPENED), said(ESCALATED, 3))
    entry = folding.escalation_over(entry, by="guidance")

    assert folding.waits(entry, said(ESCALATED, 3)).open_escalation is None


@pytest.mark.parametrize("end", [finished("act-9"), failed("act-9", FailureKind.FORBIDDEN)], ids=["done", "failed"])
def test_an_approval_no_longer_waits_when_its_action_has_ended(end: Payload) -> None:
    entry = folding.logged(waiting(), said(end, 9, sequence=9))

    assert entry.pending_approvals == ()


def test_a_reopened_ticket_comes_back_from_the_ended() -> None:
    ended = logged(OPENED, outcome(Outcome.FIXED), status(Status.RESOLVED))
    again = logged(tickets.TicketReopened(), status(Status.WORKING), entry=ended, begin=3)

    assert (ended.place, again.place) == (Place.ENDED, Place.QUIET)


def test_a_case_goes_from_the_agent_to_an_expert_and_back() -> None:
    taken = logged(OwnerChanged(owner="ada"), entry=waiting(), begin=5)
    back = logged(OwnerChanged(owner="agent"), entry=taken, begin=6)

    assert (taken.place, back.place) == (Place.TAKEN, Place.OPEN)


def test_an_entry_survives_being_kept() -> None:
    assert entries.load(entries.dump(waiting())) == waiting()


def overdue(about: str = "esc-1", *, expert: str = "", times: int = 1) -> escalations.CaseOverdue:
    return escalations.CaseOverdue(about=about, expert=expert, since=at(3), times=times)


@pytest.mark.parametrize("about", ["esc-1", "act-9", "act-8"])
def test_what_waits_too_long_is_late_until_somebody_acts(about: str) -> None:
    entry = folding.waits(waiting(), said(overdue(about), 3600))

    assert entry.late is not None
    assert (entry.late.since, entry.late.times) == (at(3), 1)
    entry = logged(escalations.GuidanceGiven(expert="ada", text="so"), finished("act-9"), entry=entry, begin=3700)
    assert (entry.late is None) == (about != "act-8")


def test_a_case_that_its_expert_leaves_lying_is_late_until_they_hand_it_back() -> None:
    taken = logged(OPENED, OwnerChanged(owner="ada"))
    entry = folding.waits(taken, said(overdue("", expert="ada"), 3600))

    assert entry.late is not None
    assert logged(OwnerChanged(owner="agent"), entry=entry, begin=3700).late is None
    assert logged(outcome(Outcome.EXPERT), entry=entry, begin=3700).late is None


def test_a_word_on_an_overdue_case_that_comes_late_changes_nothing() -> None:
    newer = folding.waits(waiting(), said(overdue(times=2), 7200))

    assert folding.waits(newer, said(overdue(times=1), 3600)) == newer
