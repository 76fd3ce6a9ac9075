from collections.abc import Callable

import pytest

from aivis.errors import Conflict, Invalid, NotFound
from aivis.events.actions import ApprovalDenied, ApprovalGranted, Settlement
from aivis.events.envelope import Payload
from aivis.events.escalations import (
    AnswerGiven,
    CaseHandedBack,
    CaseTaken,
    FeedbackGiven,
    FeedbackKind,
    GuidanceGiven,
)
from aivis.events.replies import Outcome, OwnerChanged, Status
from services.escalation import desk, folding
from services.escalation.desk import Done, carry_out
from services.escalation.entry import Entry, Place
from tests.unit.services.escalation.cases import (
    ASKED,
    ESCALATED,
    OPENED,
    at,
    finished,
    logged,
    outcome,
    said,
    status,
    waiting,
)

GRANT = ApprovalGranted(action="act-9", digest=ASKED.digest, expert="ada", expires_at=ASKED.expires_at)
DENY = ApprovalDenied(action="act-9", digest=ASKED.digest, expert="ada", reason="wrong address")
HAPPENED = Settlement(action="act-8", expert="ada", happened=True, note="it rebooted")
ALL: list[Payload] = [
    CaseTaken(expert="ada"),
    GuidanceGiven(expert="ada", text="Look at the ACL."),
    AnswerGiven(expert="ada", text="Please reboot."),
    GRANT,
    DENY,
    HAPPENED,
]


def done(entry: Entry, data: Payload, seconds: float = 10) -> Done:
    return carry_out(entry, said(data, seconds), at(seconds))


def owned_by(expert: str) -> Entry:
    return logged(OwnerChanged(owner=expert), entry=waiting(), begin=5)


@pytest.mark.parametrize(
    ("data", "topic", "kind"),
    [
        (ALL[0], "aivis.guidance", FeedbackKind.TAKEOVER),
        (ALL[1], "aivis.guidance", FeedbackKind.GUIDANCE),
        (ALL[2], "aivis.guidance", FeedbackKind.ANSWER),
        (GRANT, "aivis.approvals", FeedbackKind.APPROVAL),
        (DENY, "aivis.approvals", FeedbackKind.DENIAL),
        (HAPPENED, "aivis.approvals", FeedbackKind.SETTLEMENT),
    ],
)
def test_every_word_of_an_expert_goes_to_its_topic_and_is_feedback(data: Payload, topic: str, kind: str) -> None:
    did = done(waiting(), data)

    assert did.topic == topic
    assert did.feedback is not None
    assert (did.feedback.kind, did.feedback.expert) == (kind, "ada")


@pytest.mark.parametrize("data", ALL, ids=lambda data: data.TYPE)
def test_nobody_acts_on_a_case_that_another_expert_owns(data: Payload) -> None:
    with pytest.raises(Conflict, match="the case is bob's"):
        done(owned_by("bob"), data)


@pytest.mark.parametrize("data", ALL, ids=lambda data: data.TYPE)
def test_the_owner_may_act(data: Payload) -> None:
    assert done(owned_by("ada"), data).entry.expert == "ada"


@pytest.mark.parametrize("data", ALL[:5], ids=lambda data: data.TYPE)
def test_nothing_is_done_with_a_case_that_has_ended(data: Payload) -> None:
    ended = logged(outcome(Outcome.FIXED), entry=waiting(), begin=5)

    with pytest.raises(Conflict, match="the case has ended"):
        done(ended, data)


def test_what_went_lost_is_seen_to_even_when_the_case_has_ended() -> None:
    ended = logged(outcome(Outcome.FIXED), status(Status.RESOLVED), begin=5)
    lost = folding.waits(ended, said(ESCALATED, 3)._replace(source="gateway"))

    assert lost.place is Place.OPEN
    assert done(lost, AnswerGiven(expert="ada", text="so")).entry.place is Place.ENDED


def test_an_effect_in_doubt_is_settled_even_when_the_case_has_ended() -> None:
    ended = logged(status(Status.CLOSED), entry=waiting(), begin=5)

    assert ended.place is Place.OPEN
    assert done(ended, HAPPENED).entry.place is Place.ENDED


@pytest.mark.parametrize("second", [GRANT, DENY], ids=["grant", "deny"])
@pytest.mark.parametrize("first", [GRANT, DENY], ids=["grant", "deny"])
def test_an_approval_is_used_once(first: Payload, second: Payload) -> None:
    entry = done(waiting(), first).entry

    with pytest.raises(Conflict, match="this approval is used: ada has"):
        done(entry, second)


def test_an_approval_is_bound_to_its_parameters() -> None:
    other = GRANT.model_copy(update={"digest": "e" * 64})

    with pytest.raises(Conflict, match="not the parameters that wait"):
        done(waiting(), other)


def test_an_approval_expires_closed() -> None:
    with pytest.raises(Conflict, match="expired at 2026-03-01 10:00 UTC"):
        done(waiting(), GRANT, 3600)
    assert done(waiting(), DENY, 3600).topic == "aivis.approvals"


def test_an_action_that_ended_without_a_word_needs_none() -> None:
    entry = logged(finished("act-9"), finished("act-8"), entry=waiting(), begin=5)

    for word in (GRANT, HAPPENED):
        with pytest.raises(Conflict, match="nothing is pending"):
            done(entry, word)


@pytest.mark.parametrize(
    "data", [GRANT.model_copy(update={"action": "x"}), HAPPENED.model_copy(update={"action": "x"})]
)
def test_what_nobody_asked_for_is_not_found(data: Payload) -> None:
    with pytest.raises(NotFound):
        done(waiting(), data)


def test_taking_a_case_is_a_request_until_the_owner_has_changed() -> None:
    asked = done(waiting(), CaseTaken(expert="ada")).entry
    taken = logged(OwnerChanged(owner="ada"), entry=asked, begin=11)

    assert (asked.owner, asked.claim, asked.place) == ("agent", "ada", Place.TAKEN)
    assert (taken.owner, taken.claim) == ("ada", "")
    with pytest.raises(Conflict, match="ada's"):
        done(asked, CaseTaken(expert="bob"))


def test_taking_what_one_has_says_nothing_to_anybody() -> None:
    again = done(owned_by("ada"), CaseTaken(expert="ada"))

    assert (again.topic, again.feedback) == ("", None)


def test_only_what_was_taken_is_handed_back_and_by_whoever_has_it() -> None:
    with pytest.raises(Conflict, match="nothing to hand back"):
        done(waiting(), CaseHandedBack(expert="ada"))
    with pytest.raises(Conflict, match="bob's"):
        done(owned_by("bob"), CaseHandedBack(expert="ada"))
    assert done(owned_by("ada"), CaseHandedBack(expert="ada")).topic == "aivis.guidance"


@pytest.mark.parametrize(("data", "ended_by"), [(ALL[1], "guidance"), (ALL[2], "answer")], ids=["guidance", "answer"])
def test_guidance_and_answers_end_the_escalation(data: Payload, ended_by: str) -> None:
    entry = done(waiting(), data).entry

    assert entry.open_escalation is None
    assert entry.escalation is not None
    assert entry.escalation.ended_by == ended_by


def test_guidance_may_be_given_unasked() -> None:
    assert done(logged(OPENED), ALL[1]).topic == "aivis.guidance"


def test_a_judgement_says_about_what_and_whether_it_was_right() -> None:
    judgement = FeedbackGiven(kind=FeedbackKind.JUDGEMENT, expert="ada", about="esc-1", right=False)

    assert done(owned_by("bob"), judgement).topic == "aivis.feedback"
    with pytest.raises(Invalid):
        done(waiting(), judgement.model_copy(update={"right": None}))


def test_what_is_no_command_is_refused() -> None:
    with pytest.raises(Invalid, match="nothing that an expert can say"):
        done(waiting(), OPENED)


def test_every_command_has_its_rule() -> None:
    handled: Callable[[type], object] = desk._done.dispatch

    assert all(handled(kind) is not handled(object) for kind in desk.COMMANDS)
