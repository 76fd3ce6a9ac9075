import pytest

from aivis.events import escalations, tickets
from aivis.events.actions import FailureKind
from aivis.events.envelope import Payload
from aivis.events.replies import Outcome, OwnerChanged, Status
from services.escalation import entry as entries
from services.escalation import folding
from services.escalation.entry import Entry, Place
from tests.unit.services.escalation.cases import (
    ASKED,
    ESCALATED,
    OPENED,
    UNSETTLED,
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
