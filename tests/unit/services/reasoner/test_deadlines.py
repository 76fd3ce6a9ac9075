"""Whoever a case waits for, it does not wait for ever."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aivis.events import tickets
from aivis.events.actions import ActionFailed, ActionUnsettled, ApprovalRequested, FailureKind, Purpose
from aivis.events.cases import LimitReached
from aivis.events.envelope import Payload
from aivis.events.escalations import (
    AnswerGiven,
    CaseEscalated,
    CaseHandedBack,
    CaseOverdue,
    CaseTaken,
    EscalationReason,
    GuidanceGiven,
)
from aivis.events.plans import Route
from aivis.events.replies import Outcome, ReplyKind, ReplySent, Status
from aivis.events.tickets import TicketMessageAdded
from aivis.events.timers import TimerDue
from services.reasoner.brains.playbook.moves import Ask, GiveUp, Move, Solved
from services.reasoner.guards import Budget
from tests.unit.services.reasoner.cases import NOW, Run, Script, calls, finished, later, opened, subtask

SOLVED = Move(Solved("m", "done"), "seen")
ASKS = Move(Ask(("port",), ("Which port?",)), "no port")
GIVES_UP = Move(GiveUp(EscalationReason.NO_FAULT_FOUND, "no module fits", (), (), ()), "lost")
LOOKS = calls("a.look")
HOUR = timedelta(hours=1)


async def asking(run: Run) -> Run:
    """A case that waits for its customer."""
    await run.planned(subtask())
    assert run.stands(Status.WAITING_FOR_CUSTOMER)
    return run


async def escalated(run: Run) -> Run:
    await run.planned(subtask())
    assert run.escalated()
    return run


def replies(run: Run) -> list[ReplySent]:
    return [reply for reply in run.sent(ReplySent) if isinstance(reply, ReplySent)]


def overdue(run: Run) -> list[CaseOverdue]:
    return [said for said in run.sent(CaseOverdue) if isinstance(said, CaseOverdue)]


def approval(run: Run) -> ApprovalRequested:
    (attempt,) = run.case.waiting
    return ApprovalRequested(
        action=attempt.action.action, tool=attempt.action.tool, arguments={}, digest="d", risk="destructive",
        reason="it destroys", expires_at=NOW,
    )  # fmt: skip


async def test_a_customer_who_does_not_answer_is_reminded_once_with_the_question() -> None:
    run = await asking(Run(Script(ASKS)))
    assert run.timers["customer"].after == timedelta(hours=24)
    await run.fire("customer")
    (reply,) = replies(run)
    assert (reply.kind, "Which port?" in reply.text) == (ReplyKind.QUESTION, True)
    assert run.stands(Status.WAITING_FOR_CUSTOMER)
    assert run.timers["customer"].after == timedelta(hours=72)


async def test_the_reminder_is_in_the_customers_language() -> None:
    run = Run(Script(ASKS))
    await run.feed(opened())
    made = run.plan(subtask())
    await run.feed(made.model_copy(update={"plan": made.plan.model_copy(update={"language": "zh-CN"})}))
    await run.fire("customer")
    assert replies(run)[0].text.startswith("我仍在等待您的回复")


async def test_a_case_whose_customer_does_not_answer_the_reminder_either_is_closed_with_a_word_and_says_so() -> None:
    run = await asking(Run(Script(ASKS)))
    await run.fire("customer")
    await run.fire("customer")
    (reply,) = replies(run)
    assert "I close this ticket for now" in reply.text
    assert run.ended(Outcome.UNANSWERED)
    assert run.stands(Status.CLOSED)
    assert run.timers == {}


async def test_a_late_answer_opens_the_closed_case_again() -> None:
    run = await asking(Run(Script(ASKS, SOLVED)))
    await run.fire("customer")
    await run.fire("customer")
    await run.feed(TicketMessageAdded(text="8443, sorry"))
    assert run.ended(None)
    assert run.stands(Status.WORKING)
    assert len(run.requests()) == 1
    assert "budget" in run.timers


async def test_an_answer_that_comes_with_the_deadline_counts() -> None:
    run = await asking(Run(Script(ASKS)))
    await run.fire("customer")
    timer = run.timers["customer"]
    await run.feed(TimerDue(name="customer", note=timer.note), TicketMessageAdded(text="8443"))
    assert run.ended(None)
    assert replies(run) == []


async def test_a_deadline_of_an_earlier_question_says_nothing_to_a_later_one() -> None:
    run = await asking(Run(Script(ASKS)))
    first = run.timers["customer"]
    await run.feed(TicketMessageAdded(text="no idea"))
    await run.feed(run.plan(subtask()))
    assert run.stands(Status.WAITING_FOR_CUSTOMER)
    await run.feed(TimerDue(name="customer", note=first.note))
    assert replies(run) == []
    assert "customer" in run.timers


async def test_a_case_is_not_closed_on_its_customer_while_a_call_is_under_way() -> None:
    run = Run(Script(LOOKS, ASKS))
    await run.planned(subtask("s1"), subtask("s2", inputs={"instance_id": "i-2"}))
    assert run.stands(Status.WAITING_FOR_CUSTOMER)
    await run.fire("customer")
    await run.fire("customer")
    assert run.ended(None)
    action = run.case.waiting[0].action
    await run.feed(finished(action))
    await run.fire("customer")
    assert run.ended(Outcome.UNANSWERED)


async def test_an_escalation_that_nobody_takes_up_is_called_overdue_again_and_again_ever_later() -> None:
    run = await escalated(Run(Script(GIVES_UP)))
    escalation = run.case.escalation
    assert escalation is not None
    delays = []
    for times in range(1, 8):
        delays.append(run.timers["expert"].after)
        await run.fire("expert")
        (said,) = overdue(run)
        assert (said.about, said.times, said.since) == (escalation.escalation, times, NOW)
    assert delays == [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, 24 * HOUR, 24 * HOUR]
    assert run.escalated()
    assert run.ended(None)


async def test_a_customer_who_writes_meanwhile_does_not_put_the_deadline_off() -> None:
    run = await escalated(Run(Script(GIVES_UP)))
    await run.feed(TicketMessageAdded(text="hello?"))
    assert run.step.timers == () or all(timer.name != "expert" for timer in run.step.timers)


async def test_an_expert_who_acts_ends_the_wait() -> None:
    run = await escalated(Run(Script(GIVES_UP)))
    await run.feed(GuidanceGiven(expert="dana", text="look again"))
    assert set(run.timers) == {"reask", "budget"}


async def test_a_case_that_an_expert_took_and_left_lying_is_called_overdue_with_their_name() -> None:
    run = await escalated(Run(Script(GIVES_UP)))
    await run.feed(CaseTaken(expert="dana"))
    await run.fire("expert")
    (said,) = overdue(run)
    assert (said.about, said.expert) == ("", "dana")


async def test_an_action_in_doubt_that_nobody_settles_is_called_overdue() -> None:
    run = Run(Script(calls("a.mend", purpose=Purpose.REMEDY)))
    await run.planned(subtask())
    (action,) = run.actions()
    await run.feed(ActionUnsettled(action=action.action, tool=action.tool, arguments={}, message="who knows"))
    await run.fire("expert")
    assert overdue(run)[0].about == action.action


async def test_a_tool_that_never_answers_ends_with_a_person_when_the_wall_time_is_over() -> None:
    run = Run(Script(LOOKS), budget=Budget(wall=timedelta(minutes=30)))
    await run.planned(subtask())
    assert run.timers["budget"].after == timedelta(minutes=30)
    await run.fire("budget")
    (escalation,) = run.sent(CaseEscalated)
    assert isinstance(escalation, CaseEscalated)
    assert escalation.reason is EscalationReason.BUDGET
    assert "a.look still gives no result" in escalation.summary.problem
    limits = [event.data for event in run.log if isinstance(event.data, LimitReached)]
    assert [limit.guard for limit in limits] == ["seconds"]
    assert "expert" in run.timers


async def test_asking_again_in_vain_escalates_no_second_time() -> None:
    run = Run(Script(LOOKS))
    await run.planned(subtask())
    await run.fire("budget")
    for _ in range(20):
        await run.fire("reask")
    assert run.case.escalations == 1


async def test_the_time_that_people_take_is_not_the_cases_own() -> None:
    run = await asking(Run(Script(ASKS, SOLVED), budget=Budget(wall=timedelta(minutes=30))))
    later(run, hours=5)
    await run.feed(TicketMessageAdded(text="8443"))
    assert not run.escalated()
    await run.feed(run.plan(subtask()))
    assert run.ended(Outcome.ANSWERED)


async def test_wall_time_that_was_used_before_a_wait_for_people_stays_used() -> None:
    run = Run(Script(calls("a.mend", purpose=Purpose.REMEDY), LOOKS), budget=Budget(wall=timedelta(minutes=30)))
    await run.planned(subtask())
    later(run, minutes=20)
    await run.feed(approval(run))
    assert set(run.timers) == {"reask", "expert"}
    later(run, hours=3)
    await run.feed(finished(run.case.waiting[0].action))
    assert run.timers["budget"].after == timedelta(minutes=10)


async def test_an_approval_that_expires_goes_to_an_expert_and_the_customer_hears_of_it() -> None:
    run = Run(Script(calls("a.mend", purpose=Purpose.REMEDY), GIVES_UP))
    await run.planned(subtask())
    await run.feed(approval(run))
    assert run.stands(Status.WAITING_FOR_EXPERT)
    action = run.case.waiting[0].action
    message = "the approval expired at 2026-03-01: ask anew"
    await run.feed(ActionFailed(action=action.action, tool=action.tool, kind=FailureKind.FORBIDDEN, message=message))
    (escalation,) = run.sent(CaseEscalated)
    assert isinstance(escalation, CaseEscalated)
    assert any(message in tried for tried in escalation.summary.tried)
    assert [reply.kind for reply in replies(run)] == [ReplyKind.PROGRESS]


async def test_subtasks_that_wait_for_each_other_are_a_persons() -> None:
    run = Run(Script(SOLVED))
    await run.planned(subtask("s1", "s2"), subtask("s2", "s1", inputs={}))
    assert run.escalated()


async def test_an_expert_who_answers_while_a_plan_is_made_leaves_no_case_without_one() -> None:
    run = Run(Script(SOLVED))
    await run.feed(opened())
    await run.feed(AnswerGiven(expert="dana", text="One moment.", resolves=False))
    assert len(run.requests()) == 1


async def test_a_case_that_comes_to_life_again_in_an_experts_hands_is_shown_as_theirs() -> None:
    run = await escalated(Run(Script(GIVES_UP)))
    await run.feed(CaseTaken(expert="dana"))
    await run.feed(AnswerGiven(expert="dana", text="Done."))
    assert run.timers == {}
    await run.feed(TicketMessageAdded(text="Not at all."))
    assert run.stands(Status.WAITING_FOR_EXPERT)
    assert "expert" in run.timers


async def test_a_case_that_is_given_up_has_a_deadline_too() -> None:
    run = Run(Script(SOLVED))
    run.give_up(opened())
    assert "expert" in run.timers


async def test_a_case_whose_own_deadline_could_not_be_dealt_with_gets_another() -> None:
    run = await escalated(Run(Script(GIVES_UP)))
    await run.feed(CaseTaken(expert="dana"))
    lost = run.timers.pop("expert")
    run.give_up(TimerDue(name="expert", note=lost.note))
    assert "expert" in run.timers


MOVES = st.sampled_from([SOLVED, ASKS, GIVES_UP, LOOKS, calls("a.mend", purpose=Purpose.REMEDY)])
KINDS = (
    "plan", "circular plan", "expert's plan", "customer's plan", "finished", "failed", "approval", "doubt", "message",
    "edited", "closed", "reopened", "merged", "withdrawn", "taken", "handed back", "guided", "answered", "resolved",
    "customer", "expert", "budget", "reask", "give up",
)  # fmt: skip


def happening(run: Run, kind: str) -> Payload | None:
    """The event of that kind that may come now; None when there is none."""
    if "plan" in kind:
        return _plan(run, kind) if run.case.plan_request else None
    if kind in ("finished", "failed", "approval", "doubt"):
        return _result(run, kind) if run.case.waiting else None
    said: dict[str, Payload] = {
        "message": TicketMessageAdded(text="hm"),
        "edited": tickets.TicketEdited(text="other words"),
        "closed": tickets.TicketClosed(),
        "reopened": tickets.TicketReopened(text="again"),
        "merged": tickets.TicketMerged(into="another"),
        "withdrawn": tickets.TicketWithdrawn(),
        "taken": CaseTaken(expert="dana"),
        "handed back": CaseHandedBack(expert="dana"),
        "guided": GuidanceGiven(expert="dana", text="so"),
        "answered": AnswerGiven(expert="dana", text="hm", resolves=False),
        "resolved": AnswerGiven(expert="dana", text="so"),
    }
    return said[kind]


def _plan(run: Run, kind: str) -> Payload:
    if kind == "circular plan":
        return run.plan(subtask("s1", "s2"), subtask("s2", "s1", inputs={}))
    if kind == "plan":
        return run.plan(subtask("s1"), subtask("s2", inputs={"instance_id": "i-2"}), subtask("s3", "s1", inputs={}))
    return run.plan(route=Route.EXPERT if kind == "expert's plan" else Route.CUSTOMER, missing=("port",))


def _result(run: Run, kind: str) -> Payload:
    action = run.case.waiting[0].action
    id, tool = action.action, action.tool
    if kind == "finished":
        return finished(action, number=run.version)
    if kind == "failed":
        return ActionFailed(action=id, tool=tool, kind=FailureKind.FORBIDDEN, message="no")
    if kind == "doubt":
        return ActionUnsettled(action=id, tool=tool, arguments={}, message="who knows")
    return ApprovalRequested(action=id, tool=tool, arguments={}, digest="d", risk="r", reason="why", expires_at=NOW)


async def happen(run: Run, kind: str) -> bool:
    """Let it happen, if it can; whether it did."""
    if kind == "give up":
        lost = run.timers.pop(run.case.deadline.name, None) if run.case.deadline else None
        run.give_up(*[TimerDue(name=lost.name, note=lost.note)] if lost else [])
        return True
    if kind in ("customer", "expert", "budget", "reask"):
        if kind in run.timers:
            await run.fire(kind)
        return True
    payload = happening(run, kind)
    if payload is not None:
        await run.feed(payload)
    return payload is not None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves=st.lists(MOVES, min_size=1, max_size=6), kinds=st.lists(st.sampled_from(KINDS), max_size=14))
async def test_whatever_happens_a_case_that_has_not_ended_has_a_timer(moves: list[Move], kinds: list[str]) -> None:
    run = Run(Script(*moves))
    await run.feed(opened())
    for kind in kinds:
        await happen(run, kind)
        assert run.case.ended or set(run.timers) & {"customer", "expert", "budget"}, f"nothing is waited for: {kinds}"
        assert not run.case.ended or not set(run.timers) & {"customer", "expert", "budget"}
        deadline = run.case.deadline
        assert deadline is None or run.timers[deadline.name].note["wait"] == deadline.wait


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves=st.lists(MOVES, min_size=1, max_size=6), kinds=st.lists(st.sampled_from(KINDS), max_size=10))
async def test_left_alone_every_case_ends_or_is_an_experts(moves: list[Move], kinds: list[str]) -> None:
    """When nobody answers any more, timers alone bring each case to its end or to people."""
    run = Run(Script(*moves))
    await run.feed(opened())
    for kind in kinds:
        await happen(run, kind)
    for _ in range(30):
        if run.case.ended or "expert" in run.timers:
            return
        await run.fire(min(run.timers, key=lambda name: run.timers[name].after or timedelta(0)))
    raise AssertionError(f"still open, and nobody's: {run.case.status}, {run.timers}")
