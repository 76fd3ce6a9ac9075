from collections.abc import Sequence

import pytest

from aivis.events import escalations, replies, tickets
from aivis.events.actions import ApprovalDenied, ApprovalGranted, FailureKind, Purpose
from aivis.events.envelope import Payload
from aivis.events.escalations import FeedbackKind
from aivis.events.replies import Outcome, ReplyKind
from services.escalation import figures, folding, record
from services.escalation.desk import carry_out
from services.escalation.entry import Entry
from services.escalation.ports import Group, Spread
from services.escalation.record import CaseFigures
from tests.unit.services.escalation.cases import (
    ASKED,
    ESCALATED,
    OPENED,
    at,
    decision,
    failed,
    finished,
    logged,
    outcome,
    plan,
    said,
)

REPLY = replies.ReplySent(kind=ReplyKind.ANSWER, text="done")


def row(entry: Entry) -> CaseFigures:
    found = record.figures(entry.record, escalated=bool(entry.escalations))
    assert found is not None
    return found


def ended(*before: Payload, how: Outcome = Outcome.FIXED, independent: bool = True) -> Entry:
    return logged(OPENED, plan(), *before, REPLY, outcome(how, independent=independent))


def business(entries: Sequence[Entry]) -> dict[str, object]:
    groups = []
    for found in map(row, entries):
        responses = [seconds for seconds in (found.first_response,) if seconds is not None]
        resolutions = [seconds for seconds in (found.resolution,) if seconds is not None]
        groups.append(
            Group(
                "acme",
                found.scenario,
                found.outcome,
                found.independent,
                1,
                int(found.escalated),
                found.reopened,
                found.proposals,
                found.adopted,
                found.effects,
                found.effects_right,
                found.calls,
                found.calls_right,
                len(responses),
                sum(responses),
                len(resolutions),
                sum(resolutions),
            )
        )
    return figures.business(groups, Spread((None, None), (None, None)))


def test_a_case_unheard_of_has_no_row() -> None:
    assert record.figures(Entry().record, escalated=False) is None


def test_times_run_from_the_ticket_to_the_first_words_and_to_the_outcome() -> None:
    found = row(ended())

    assert (found.scenario, found.outcome, found.first_response, found.resolution) == ("diagnostic", "fixed", 2, 3)


@pytest.mark.parametrize("back", [tickets.TicketReopened(), tickets.TicketMessageAdded(text="still")])
def test_a_reopened_case_takes_its_outcome_back(back: Payload) -> None:
    found = row(logged(back, entry=ended(), begin=9))

    assert (found.outcome, found.independent, found.resolution, found.reopened) == ("open", False, None, 1)


def test_a_reopened_case_counts_again_when_it_ends_again() -> None:
    again = logged(tickets.TicketReopened(), outcome(Outcome.ANSWERED), entry=ended(), begin=9)

    assert (row(again).outcome, row(again).resolution) == ("answered", 10)


def test_a_remedy_counts_when_it_succeeded_and_stood() -> None:
    stood = [decision("a1", Purpose.REMEDY), finished("a1")]
    undone = [decision("a2", Purpose.REMEDY), finished("a2"), decision("a3", Purpose.UNDO, undoes="a2"), finished("a3")]
    refused = [decision("a4", Purpose.REMEDY), failed("a4", FailureKind.REFUSED)]
    forbidden = [decision("a5", Purpose.REMEDY), failed("a5", FailureKind.FORBIDDEN)]
    found = row(ended(*stood, *undone, *refused, *forbidden))

    assert (found.effects, found.effects_right) == (3, 1)


def test_a_tool_call_counts_when_it_ended_by_its_own_fault_or_success() -> None:
    calls: list[Payload] = [decision("a0", Purpose.CHECK), finished("a0"), decision("running", Purpose.CHECK)]
    for place, kind in enumerate(FailureKind, 1):
        calls += [decision(f"a{place}", Purpose.CHECK), failed(f"a{place}", kind)]
    found = row(ended(*calls))

    assert (found.calls, found.calls_right) == (4, 1)


def test_a_result_of_nothing_that_was_asked_counts_for_nothing() -> None:
    assert row(ended(finished("stranger"))).calls == 0


@pytest.mark.parametrize("right", [True, False])
def test_an_expert_s_judgement_overrides(right: bool) -> None:
    entry = ended(decision("a1", Purpose.REMEDY), finished("a1") if not right else failed("a1", FailureKind.REFUSED))
    judgement = escalations.FeedbackGiven(kind=FeedbackKind.JUDGEMENT, expert="ada", about="a1", right=right)
    found = row(carry_out(entry, said(judgement, 9), at(9)).entry)

    assert (found.effects_right, found.calls_right) == (int(right), int(right))


@pytest.mark.parametrize(
    ("word", "adopted"),
    [
        (ApprovalGranted(action="act-9", digest=ASKED.digest, expert="ada", expires_at=ASKED.expires_at), 1),
        (ApprovalDenied(action="act-9", digest=ASKED.digest, expert="ada"), 0),
    ],
)
def test_an_action_to_approve_is_a_proposal(word: Payload, adopted: int) -> None:
    asked = folding.waits(logged(OPENED), said(ASKED, 2))
    found = row(carry_out(asked, said(word, 3), at(3)).entry)

    assert row(asked).proposals == 0
    assert (found.proposals, found.adopted) == (1, adopted)


@pytest.mark.parametrize(
    ("word", "adopted"),
    [
        (escalations.GuidanceGiven(expert="ada", text="do so"), 1),
        (escalations.AnswerGiven(expert="ada", text="do this instead"), 0),
    ],
)
def test_an_escalation_with_a_proposal_is_adopted_by_letting_the_agent_go_on(word: Payload, adopted: int) -> None:
    entry = folding.waits(logged(OPENED), said(ESCALATED, 2))
    found = row(carry_out(entry, said(word, 3), at(3)).entry)

    assert (found.escalated, found.proposals, found.adopted) == (True, 1, adopted)


def test_an_escalation_without_a_proposal_proposes_nothing() -> None:
    bare = ESCALATED.model_copy(update={"summary": escalations.Summary(problem="?")})
    entry = folding.waits(logged(OPENED), said(bare, 2))
    word = escalations.GuidanceGiven(expert="ada", text="do so")

    assert row(carry_out(entry, said(word, 3), at(3)).entry).proposals == 0


def test_shares_are_of_the_cases_that_say_something() -> None:
    escalated = folding.waits(ended(how=Outcome.EXPERT, independent=False), said(ESCALATED, 2))
    helped = ended(how=Outcome.FIXED, independent=False)
    entries = [ended(), ended(how=Outcome.ANSWERED), helped, escalated, logged(OPENED)]
    left_out = [ended(how=Outcome.WITHDRAWN), logged(OPENED, tickets.TicketClosed())]
    found = business([*entries, *left_out])

    assert found["independent_resolution_rate"] == 0.5
    assert found["ended"] == 4
    assert found["escalation_rate"] == 0.2
    assert found["outcomes"] == {"answered": 1, "closed": 1, "expert": 1, "fixed": 2, "open": 1, "withdrawn": 1}


def test_without_cases_there_are_no_shares() -> None:
    found = figures.business([], Spread((None, None), (None, None)))

    assert found["cases"] == 0
    assert [found[name] for name in ("independent_resolution_rate", "adoption_rate", "tool_call_accuracy")] == [
        None
    ] * 3
