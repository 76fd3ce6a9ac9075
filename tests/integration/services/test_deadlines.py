"""Waits that nobody ends, through the services that have a part in them, with real timers."""

from pathlib import Path

from prometheus_client import generate_latest

from aivis import topics
from aivis.events.actions import ActionFailed, ActionUnsettled, ApprovalRequested, FailureKind
from aivis.events.cases import LimitReached
from aivis.events.escalations import CaseEscalated, CaseOverdue, EscalationReason
from aivis.events.plans import Route
from aivis.events.replies import Outcome, OutcomeReached, ReplyKind, ReplySent, Status, StatusChanged
from aivis.events.tickets import TicketMessageAdded
from tests.integration.services.team import team

SECOND = 1 / 3600
"""In hours."""


async def test_an_approval_that_nobody_gives_expires_and_expert_and_customer_are_told(tmp_path: Path) -> None:
    async with team(tmp_path, reasons={}, executes={"approval_seconds": 1.5}) as at:
        await at.ticket()
        await at.until(lambda: bool(at.logged(ApprovalRequested)))
        await at.until(lambda: bool(at.logged(ReplySent)))
        waits = await at.shown()
        assert (waits["place"], waits["pending_approvals"], waits["status"]) == ("open", 1, "waiting-for-expert")
        await at.until(lambda: bool(at.logged(CaseEscalated)))
        (failed,) = at.logged(ActionFailed)
        assert (failed.kind, "the approval expired" in failed.message) == (FailureKind.FORBIDDEN, True)
        (escalation,) = at.logged(CaseEscalated)
        assert any("the approval expired" in tried for tried in escalation.summary.tried)
        assert [reply.kind for reply in at.logged(ReplySent)] == [ReplyKind.PROGRESS, ReplyKind.PROGRESS]
        shown = await at.shown()
        assert (shown["pending_approvals"], shown["escalation"]["id"]) == (0, escalation.escalation)
        assert shown["approvals"][0]["verdict"] == "over"
        assert at.log.acts == []


async def test_an_approval_that_waits_too_long_is_overdue_before_it_expires(tmp_path: Path) -> None:
    async with team(tmp_path, reasons={"expert_minutes": 1 / 60}, executes={}) as at:
        await at.ticket()
        await at.until(lambda: len(at.logged(CaseOverdue)) >= 2)
        shown = await at.shown()
        assert shown["overdue"]["about"] == at.logged(ApprovalRequested)[0].action
        assert shown["overdue"]["times"] >= 2
        await at.until(lambda: b"aivis_escalation_overdue 1.0" in generate_latest())
        assert "Overdue" in str([step["title"] for step in shown["timeline"]])


async def test_a_tool_that_never_answers_ends_in_an_experts_queue_when_the_wall_time_is_over(tmp_path: Path) -> None:
    async with team(tmp_path, reasons={"max_minutes": 1.5 / 60}, executes={}) as at:
        at.deaf = {"executor"}
        await at.ticket()
        await at.until(lambda: bool(at.logged(CaseEscalated)))
        (limit,) = at.logged(LimitReached)
        assert (limit.guard, "rack.read still gives no result" in limit.detail) == ("seconds", True)
        shown = await at.shown()
        assert (shown["place"], shown["escalation"]["reason"]) == ("open", EscalationReason.BUDGET)


async def test_a_customer_who_never_answers_is_reminded_and_the_case_closed_until_they_write(tmp_path: Path) -> None:
    async with team(tmp_path, reasons={"customer_hours": SECOND, "closing_hours": SECOND}, executes={}) as at:
        at.route = Route.CUSTOMER
        await at.ticket()
        await at.until(lambda: bool(at.logged(OutcomeReached)))
        assert [reply.kind for reply in at.logged(ReplySent)] == [
            ReplyKind.QUESTION,
            ReplyKind.QUESTION,
            ReplyKind.PROGRESS,
        ]
        assert at.logged(OutcomeReached)[0].outcome is Outcome.UNANSWERED
        assert at.logged(StatusChanged)[-1].status is Status.CLOSED
        assert (await at.shown())["place"] == "ended"
        await at.say(topics.TICKETS.name, TicketMessageAdded(text="Sorry: lamp-blown-1"), "m-1")
        await at.until(lambda: at.logged(StatusChanged)[-1].status is not Status.CLOSED)
        assert (await at.shown())["place"] == "quiet"


async def test_an_effect_in_doubt_is_overdue_until_somebody_settles_it(tmp_path: Path) -> None:
    async with team(tmp_path, reasons={"expert_minutes": 1 / 60}, executes={}) as at:
        at.deaf = {"executor"}
        await at.ticket()
        await at.until(lambda: any(topic == "aivis.actions" for topic, _ in at.at_work["reasoner"].shelf.events))
        (action, *_) = [event.data for event in at.at_work["reasoner"].shelf.on("aivis.actions")]
        doubt = ActionUnsettled(action=action.action, tool=action.tool, arguments={}, message="who knows")  # type: ignore[attr-defined]
        await at.say(topics.RESULTS.name, doubt, "d-1")
        await at.until(lambda: bool(at.logged(CaseOverdue)))
        shown = await at.shown()
        assert (shown["pending_unsettled"], shown["overdue"]["about"]) == (1, doubt.action)
