import asyncio
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from aivis import identity
from aivis.events.actions import ApprovalGranted, FailureKind, Settlement
from aivis.events.envelope import Event, Payload
from aivis.events.escalations import AnswerGiven, CaseOverdue, CaseTaken, FeedbackGiven, GuidanceGiven
from aivis.events.replies import Outcome, OwnerChanged, ReplyKind, ReplySent
from aivis.events.tickets import TicketReopened
from services.escalation.main import build
from tests.integration.services.escalation.conftest import settings
from tests.integration.services.working import Working, working
from tests.unit.services.escalation.cases import (
    ASKED,
    CASE,
    ESCALATED,
    OPENED,
    UNSETTLED,
    at,
    failed,
    finished,
    outcome,
    plan,
    said,
)

ADDRESS = f"/v1/escalations/{CASE}"
EVE = {"authorization": "Bearer eve-key"}
BOB = {"authorization": "Bearer bob-key"}


async def wait_for_people(escalation: Working) -> None:
    await escalation.deliver(said(OPENED, 0, sequence=1), said(plan(), 1, sequence=2))
    await escalation.deliver(said(ESCALATED, 2), said(fresh(ASKED), 3), said(UNSETTLED, 4))


def fresh(data: Payload) -> Payload:
    """The approval, not yet expired by the clock of the test."""
    return data.model_copy(update={"expires_at": ASKED.expires_at.replace(year=2126)})


def published(escalation: Working, topic: str) -> list[Payload]:
    return [event.data for event in escalation.shelf.on(topic)]


async def test_the_queue_shows_what_the_agent_hands_over(escalation: Working) -> None:
    await wait_for_people(escalation)
    [entry] = (await escalation.http.get("/v1/escalations")).json()["escalations"]

    assert (entry["case"], entry["place"], entry["subject"]) == (CASE, "open", "No access")
    assert entry["escalation"]["summary"]["proposed"] == ["move the instance"]
    assert (entry["pending_approvals"], entry["pending_unsettled"]) == (1, 1)
    assert (await escalation.http.get("/v1/escalations?status=ended")).json() == {"escalations": []}


async def test_a_case_shows_its_timeline_and_complete_parameters(escalation: Working) -> None:
    await wait_for_people(escalation)
    case = (await escalation.http.get(ADDRESS)).json()
    listed = (await escalation.http.get("/v1/approvals")).json()

    assert [step["title"] for step in case["timeline"]] == [
        "c-7 opened T-1: No access",
        "Plan: diagnostic, simple, common",
    ]
    assert case["approvals"][0]["arguments"] == {"address": "203.0.113.9"}
    assert listed["approvals"][0]["digest"] == ASKED.digest
    assert [one["action"] for one in listed["unsettled"]] == ["act-8"]


async def test_an_expert_sees_no_other_tenant(escalation: Working) -> None:
    await wait_for_people(escalation)
    reads = [await escalation.http.get(path, headers=EVE) for path in ("/v1/escalations", "/v1/approvals")]
    refused = [
        await escalation.http.get(ADDRESS, headers=EVE),
        await escalation.http.post(f"{ADDRESS}/take", headers=EVE),
        await escalation.http.post("/v1/approvals/act-9/approve", headers=EVE),
    ]

    assert [answer.json() for answer in reads] == [{"escalations": []}, {"approvals": [], "unsettled": []}]
    assert [answer.status_code for answer in refused] == [404, 404, 404]
    assert (await escalation.http.get("/v1/figures", headers=EVE)).json()["cases"] == 0
    assert escalation.shelf.events == []


@pytest.mark.parametrize("key", ["", "nonsense", "desk-key"])
async def test_only_experts_are_served(escalation: Working, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    answers = [
        await escalation.http.get("/v1/escalations", headers=headers),
        await escalation.http.post("/v1/approvals/act-9/approve", headers=headers),
        await escalation.http.get("/v1/figures", headers=headers),
    ]

    assert {answer.status_code for answer in answers} == {401}


async def test_guidance_goes_to_the_agent_and_is_feedback(escalation: Working) -> None:
    await wait_for_people(escalation)
    body = {"text": "Look at the ACL.", "module": "acl_denies", "inputs": {"port": 22}, "expert": "mallory"}
    answer = await escalation.http.post(f"{ADDRESS}/guide", json=body)
    await escalation.quiet()

    assert (answer.status_code, answer.json()["done"]) == (200, True)
    assert published(escalation, "aivis.guidance") == [
        GuidanceGiven(expert="ada", text="Look at the ACL.", module="acl_denies", inputs={"port": 22})
    ]
    [feedback] = published(escalation, "aivis.feedback")
    assert isinstance(feedback, FeedbackGiven)
    assert (feedback.kind, feedback.about, feedback.expert) == ("guidance", "esc-1", "ada")


async def test_an_approval_counts_once_and_says_so(escalation: Working) -> None:
    await wait_for_people(escalation)
    first = await escalation.http.post("/v1/approvals/act-9/approve", json={"digest": ASKED.digest})
    again = await escalation.http.post("/v1/approvals/act-9/approve", json={"digest": ASKED.digest}, headers=BOB)
    await escalation.quiet()

    assert (first.status_code, again.status_code) == (200, 409)
    assert "this approval is used: ada has granted it" in again.json()["detail"]
    [grant] = published(escalation, "aivis.approvals")
    assert isinstance(grant, ApprovalGranted)
    assert (grant.action, grant.digest, grant.expert) == ("act-9", ASKED.digest, "ada")


async def test_an_approval_of_other_parameters_is_refused(escalation: Working) -> None:
    await wait_for_people(escalation)
    answer = await escalation.http.post("/v1/approvals/act-9/approve", json={"digest": "e" * 64})

    assert answer.status_code == 409
    assert published(escalation, "aivis.approvals") == []


async def test_of_two_experts_at_once_one_decides(escalation: Working) -> None:
    await wait_for_people(escalation)
    answers = await asyncio.gather(
        escalation.http.post("/v1/approvals/act-9/approve"),
        escalation.http.post("/v1/approvals/act-9/deny", json={"reason": "no"}, headers=BOB),
    )
    await escalation.quiet()

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(published(escalation, "aivis.approvals")) == 1


async def test_of_two_experts_at_once_the_other_is_told_who_decided(escalation: Working) -> None:
    await wait_for_people(escalation)
    yes, no = await asyncio.gather(
        escalation.http.post("/v1/approvals/act-9/approve"),
        escalation.http.post("/v1/approvals/act-9/deny", json={"reason": "no"}, headers=BOB),
    )
    winner, loser = ("ada has granted", no) if yes.status_code == 200 else ("bob has denied", yes)

    assert winner in loser.json()["detail"]
    assert loser.status_code == 409


async def test_a_double_click_does_no_harm(escalation: Working) -> None:
    """Without an Idempotency-Key: at once it is one command, later the same word is told as used, by whom."""
    await wait_for_people(escalation)
    clicks = await asyncio.gather(*[escalation.http.post("/v1/approvals/act-9/approve") for _ in range(3)])
    later = await escalation.http.post("/v1/approvals/act-9/approve")
    await escalation.quiet()

    assert 200 in [answer.status_code for answer in clicks]
    assert all("ada has granted it" in each.json()["detail"] for each in (*clicks, later) if each.status_code != 200)
    assert later.status_code == 409
    assert len(published(escalation, "aivis.approvals")) == 1


@pytest.mark.parametrize("ended", [False, True], ids=["not-heard-of-yet", "ended-by-it"])
async def test_a_late_click_is_answered_with_what_happened(escalation: Working, ended: bool) -> None:
    await escalation.deliver(said(OPENED, 0, sequence=1), said(plan(), 1, sequence=2))
    await escalation.deliver(said(ESCALATED, 2), said(ASKED, 3))
    if ended:
        await escalation.deliver(said(failed("act-9", FailureKind.FORBIDDEN), 3_700, sequence=3))
    answer = await escalation.http.post("/v1/approvals/act-9/approve")
    await escalation.quiet()

    assert answer.status_code == 409
    assert "the request expired at 2026-03-01 10:00 UTC: the agent has to ask anew" in answer.json()["detail"]
    assert published(escalation, "aivis.approvals") == []


async def test_a_repeated_command_is_answered_as_the_first_was(escalation: Working) -> None:
    await wait_for_people(escalation)
    headers = {"idempotency-key": "k1"}
    answers = [await escalation.http.post("/v1/approvals/act-9/approve", headers=headers) for _ in range(2)]
    other = await escalation.http.post(f"{ADDRESS}/guide", json={"text": "a"}, headers=headers)
    clash = await escalation.http.post(f"{ADDRESS}/guide", json={"text": "b"}, headers=headers)
    await escalation.quiet()

    assert answers[0].json() == answers[1].json()
    assert (other.status_code, clash.status_code) == (200, 409)
    assert len(published(escalation, "aivis.approvals")) == 1


async def test_an_effect_in_doubt_is_settled(escalation: Working) -> None:
    await wait_for_people(escalation)
    body = {"happened": True, "note": "it rebooted"}
    answer = await escalation.http.post("/v1/approvals/act-8/settle", json=body)
    await escalation.quiet()

    assert answer.status_code == 200
    assert published(escalation, "aivis.approvals") == [
        Settlement(action="act-8", expert="ada", happened=True, note="it rebooted")
    ]
    assert (await escalation.http.post("/v1/approvals/act-8/approve")).status_code == 404


async def test_a_case_that_another_owns_is_left_alone(escalation: Working) -> None:
    await wait_for_people(escalation)
    taken = await escalation.http.post(f"{ADDRESS}/take", headers=BOB)
    refused = await escalation.http.post(f"{ADDRESS}/guide", json={"text": "no, so"})
    await escalation.deliver(said(OwnerChanged(owner="bob"), 9, sequence=9))
    back = await escalation.http.post(f"{ADDRESS}/hand-back", json={"note": "ACL is fine"}, headers=BOB)

    assert [taken.status_code, refused.status_code, back.status_code] == [200, 409, 200]
    assert "bob's" in refused.json()["detail"]
    assert published(escalation, "aivis.guidance")[0] == CaseTaken(expert="bob")


async def test_an_answer_goes_to_the_customer(escalation: Working) -> None:
    await wait_for_people(escalation)
    await escalation.http.post(f"{ADDRESS}/answer", json={"text": "Please reboot.", "resolves": False})
    await escalation.quiet()

    assert published(escalation, "aivis.guidance") == [AnswerGiven(expert="ada", text="Please reboot.", resolves=False)]


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("guide", {}, 422, "text"),
        ("guide", {"text": ""}, 422, "text"),
        ("guide", {"text": "x" * 20_001}, 422, "text"),
        ("guide", {"text": "x", "inputs": []}, 422, "inputs"),
        ("judge", {"about": "esc-1"}, 422, "right"),
        ("judge", {"about": "nothing", "right": True}, 422, "about"),
        ("dance", {}, 404, None),
        ("hand-back", {}, 409, None),
    ],
)
async def test_what_cannot_be_done_is_said(
    escalation: Working, path: str, body: dict[str, Any], status: int, field: str | None
) -> None:
    await wait_for_people(escalation)
    answer = await escalation.http.post(f"{ADDRESS}/{path}", json=body)

    assert (answer.status_code, answer.json().get("field")) == (status, field)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_broken_or_foreign_body_is_refused(escalation: Working) -> None:
    await wait_for_people(escalation)
    json = {"content-type": "application/json"}
    bodies: list[tuple[bytes, dict[str, str]]] = [
        (b"{", json), (b"[]", json), (b"text=hi", {"content-type": "text/plain"}), (b"x" * 300_000, json),
    ]  # fmt: skip
    answers = [await escalation.http.post(f"{ADDRESS}/guide", content=c, headers=h) for c, h in bodies]

    assert [answer.status_code for answer in answers] == [400, 422, 415, 413]


SOLVED = (
    said(OPENED, 0, sequence=1),
    said(plan(), 1, sequence=2),
    said(ReplySent(kind=ReplyKind.ANSWER, text="done"), 5, sequence=3),
    said(outcome(Outcome.FIXED), 6, sequence=4),
)


async def test_figures_follow_the_cases_and_take_back_what_was_reopened(escalation: Working) -> None:
    await escalation.deliver(*SOLVED)
    resolved = await figures(escalation, {"fixed": 1})
    await escalation.deliver(said(TicketReopened(text="no"), 9, sequence=5))
    reopened = await figures(escalation, {"open": 1})

    assert (resolved["independent_resolution_rate"], resolved["resolution_seconds"]["median"]) == (1.0, 6)
    assert (reopened["independent_resolution_rate"], reopened["reopened"]) == (None, 1)


async def test_figures_know_at_once_what_this_process_has_done(tmp_path: Path) -> None:
    late = settings(tmp_path).model_copy(update={"figures_seconds": 600})
    async with working(build(late), "ada-key") as escalation:
        await asyncio.sleep(0.05)  # the first round, before there is anything to keep
        await escalation.deliver(*SOLVED)
        assert (await escalation.http.get("/v1/figures")).json()["outcomes"] == {"fixed": 1}


async def test_figures_catch_up_after_a_restart_with_what_was_not_kept(tmp_path: Path) -> None:
    late = settings(tmp_path).model_copy(update={"figures_seconds": 600})
    async with working(build(late), "ada-key") as escalation:
        await asyncio.sleep(0.05)
        await escalation.deliver(*SOLVED)
    async with working(build(settings(tmp_path)), "ada-key") as escalation:
        assert (await figures(escalation, {"fixed": 1}))["cases"] == 1


async def test_figures_are_exported(escalation: Working) -> None:
    await escalation.deliver(*SOLVED)
    await figures(escalation, {"fixed": 1})
    line = 'aivis_cases_total{independent="true",outcome="fixed",scenario="diagnostic",tenant="acme"} 1.0'
    for _ in range(100):
        if line in generate_latest().decode():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(generate_latest().decode())


async def figures(escalation: Working, outcomes: dict[str, int]) -> dict[str, Any]:
    """The figures, once they have these outcomes."""
    found: dict[str, Any] = {}
    for _ in range(200):
        found = (await escalation.http.get("/v1/figures")).json()
        if found.get("outcomes") == outcomes:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"the figures stay {found}")


async def test_a_command_whose_turn_does_not_come_is_kept_and_answered_as_such(tmp_path: Path) -> None:
    slow = settings(tmp_path).model_copy(update={"answer_seconds": 0.2, "in_flight": 1})
    async with working(build(slow), "ada-key") as escalation:
        await wait_for_people(escalation)
        escalation.mailbox._worker._limits = escalation.mailbox._worker._limits.__class__(in_flight=0)
        answer = await escalation.http.post(f"{ADDRESS}/guide", json={"text": "go on"})

        assert (answer.status_code, answer.json()["done"]) == (202, False)
        assert (await escalation.mailbox.store.depths()).inbox == 1


async def test_an_event_of_the_log_that_is_repeated_is_shown_once(escalation: Working) -> None:
    opened: Event = said(OPENED, 0, sequence=1)
    await escalation.deliver(opened)
    await escalation.deliver(opened, said(finished("stranger"), 2, sequence=2))

    assert len((await escalation.http.get(ADDRESS)).json()["timeline"]) == 1


async def test_an_overdue_case_comes_first_and_is_counted_for_alerts(escalation: Working) -> None:
    await wait_for_people(escalation)
    other = identity.case_id("acme", "desk", "T-2")
    late = ESCALATED.model_copy(update={"escalation": "esc-2"})
    about = CaseOverdue(about="esc-2", since=at(600), times=2)
    events = [said(OPENED, 600, sequence=1), said(late, 600), said(about, 4200)]
    await escalation.deliver(*(event._replace(case=other, id=f"{event.id}-2") for event in events))
    queue = (await escalation.http.get("/v1/escalations")).json()["escalations"]

    assert [case["case"] for case in queue] == [other, CASE]
    assert (queue[0]["overdue"]["times"], queue[1]["overdue"]) == (2, None)
    await escalation.until(lambda: b"aivis_escalation_overdue 1.0" in generate_latest())
