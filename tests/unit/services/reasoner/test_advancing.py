"""What happens next in a case."""

from datetime import timedelta

from aivis.events.actions import ActionFailed, ApprovalRequested, FailureKind, Origin, Purpose
from aivis.events.escalations import (
    AnswerGiven,
    CaseEscalated,
    CaseHandedBack,
    CaseTaken,
    EscalationReason,
    GuidanceGiven,
)
from aivis.events.plans import Route
from aivis.events.replies import Citation, Outcome, OutcomeReached, ReplyKind, ReplySent, Status
from aivis.events.tickets import TicketMessageAdded, TicketReopened, TicketWithdrawn
from services.reasoner.brains.playbook.moves import Ask, Finding, GiveUp, Move, Solved
from services.reasoner.guards import Budget
from tests.unit.services.reasoner.cases import (
    NOW,
    Run,
    Script,
    calls,
    finished,
    later,
    opened,
    subtask,
)

SOLVED = Move(Solved("instance_stopped", "The instance was stopped; I started it."), "seen to run")
GIVE_UP = Move(
    GiveUp(EscalationReason.NO_FAULT_FOUND, "no module fits", ("it runs",), ("start",), ("ask dana",)), "lost"
)


async def test_a_new_ticket_brings_forth_one_request_for_a_plan_with_the_customers_words() -> None:
    run = Run(Script(SOLVED))
    await run.feed(opened("My words"))
    (request,) = run.requests()
    assert request.text == "My words"
    assert run.stands(Status.WORKING)


async def test_a_burst_of_messages_brings_forth_one_request_with_all_of_them() -> None:
    run = Run(Script(SOLVED))
    await run.feed(opened("one"), TicketMessageAdded(text="two"), TicketMessageAdded(text="three"))
    (request,) = run.requests()
    assert request.text == "one\n\ntwo\n\nthree"


async def test_a_plan_that_answers_an_older_request_is_not_followed() -> None:
    run = Run(Script(calls("cloud.describe_instance")))
    await run.feed(opened())
    stale = run.plan(subtask())
    await run.feed(TicketMessageAdded(text="more"))
    await run.feed(stale)
    assert run.case.plan is None
    assert run.actions() == []


async def test_calls_go_out_together_under_derived_ids_and_the_case_waits_for_all_of_them() -> None:
    script = Script(calls("a.look", "b.look"), SOLVED)
    run = Run(script)
    await run.planned(subtask())
    first, second = run.actions()
    assert {first.tool, second.tool} == {"a.look", "b.look"}
    assert first.action != second.action
    await run.feed(finished(first, up=True))
    assert len(script.problems) == 1, "nothing is decided while a result is missing"
    await run.feed(finished(second, up=False))
    assert [each.result for each in script.problems[1].observations] == [{"up": True}, {"up": False}]


async def test_the_same_events_bring_forth_the_same_ids() -> None:
    runs = [Run(Script(calls("a.look"))) for _ in range(2)]
    for run in runs:
        await run.planned(subtask())
    assert [event.id for event in runs[0].log] == [event.id for event in runs[1].log]
    assert [event.id for _, event in runs[0].published] == [event.id for _, event in runs[1].published]


async def test_an_entry_of_the_log_and_its_public_copy_have_different_ids() -> None:
    run = Run(Script(calls("a.look")))
    await run.planned(subtask())
    ids = [event.id for _, event in run.published]
    assert len(ids) == len(set(ids))


async def test_independent_subtasks_run_side_by_side_and_dependent_ones_wait() -> None:
    run = Run(Script(calls("a.look"), calls("a.look"), SOLVED))
    await run.planned(subtask("s1"), subtask("s2", inputs={"instance_id": "i-2"}), subtask("s3", "s1", "s2"))
    assert {action.subtask for action in run.actions()} == {"s1", "s2"}


async def test_a_solved_case_answers_once_and_ends_independently() -> None:
    run = Run(Script(calls("cloud.start_instance", purpose=Purpose.REMEDY), SOLVED))
    await run.planned(subtask())
    await run.feed(finished(run.actions()[0]))
    (reply,) = run.sent(ReplySent)
    assert isinstance(reply, ReplySent)
    assert (reply.kind, "I started it" in reply.text) == (ReplyKind.ANSWER, True)
    (outcome,) = run.sent(OutcomeReached)
    assert isinstance(outcome, OutcomeReached)
    assert (outcome.outcome, outcome.independent) == (Outcome.FIXED, True)
    assert run.stands(Status.RESOLVED)


async def test_a_finding_without_a_change_is_an_answer_with_its_citations() -> None:
    citation = Citation(passage="p1", title="Stop", source="stop.md")
    run = Run(Script(Move(Finding("", "It is so.", (), (citation,)), "known")))
    await run.planned(subtask())
    (reply,) = run.sent(ReplySent)
    assert isinstance(reply, ReplySent)
    assert reply.citations == (citation,)
    assert run.ended(Outcome.ANSWERED)


async def test_two_problems_are_answered_in_one_numbered_reply() -> None:
    run = Run(Script(SOLVED))
    await run.planned(subtask("s1"), subtask("s2", inputs={"instance_id": "i-2"}))
    (reply,) = run.sent(ReplySent)
    assert isinstance(reply, ReplySent)
    assert reply.text.startswith("1. The instance was stopped")
    assert "\n2. " in reply.text


async def test_what_the_agent_cannot_solve_goes_to_an_expert_with_what_is_known_tried_and_proposed() -> None:
    run = Run(Script(GIVE_UP))
    await run.planned(subtask())
    (escalation,) = run.sent(CaseEscalated)
    assert isinstance(escalation, CaseEscalated)
    assert escalation.reason is EscalationReason.NO_FAULT_FOUND
    assert escalation.summary.known == ("it runs",)
    assert escalation.summary.proposed == ("ask dana",)
    assert run.stands(Status.WAITING_FOR_EXPERT)


async def test_one_unsolved_subtask_hands_over_after_the_others_are_done_and_says_what_is_done() -> None:
    run = Run(Script(SOLVED, GIVE_UP))
    await run.planned(subtask("s1"), subtask("s2", inputs={"instance_id": "i-2"}))
    assert run.ended(None)
    (reply,) = run.sent(ReplySent)
    assert isinstance(reply, ReplySent)
    assert "I started it" in reply.text


async def test_a_plan_for_an_expert_is_handed_over_without_a_call() -> None:
    run = Run(Script(SOLVED))
    await run.planned(route=Route.EXPERT)
    assert len(run.sent(CaseEscalated)) == 1
    assert run.actions() == []


async def test_what_only_the_customer_knows_is_asked_and_the_answer_brings_a_new_plan() -> None:
    run = Run(Script(SOLVED))
    await run.feed(opened())
    await run.feed(run.plan(route=Route.CUSTOMER, missing=("Which instance is it?",)))
    (reply,) = run.sent(ReplySent)
    assert isinstance(reply, ReplySent)
    assert (reply.kind, "Which instance" in reply.text) == (ReplyKind.QUESTION, True)
    assert run.stands(Status.WAITING_FOR_CUSTOMER)
    await run.feed(TicketMessageAdded(text="i-0aa"))
    assert len(run.requests()) == 1
    assert run.stands(Status.WORKING)


async def test_a_brain_that_asks_waits_for_the_customer() -> None:
    run = Run(Script(Move(Ask(("port",), ("Which port?",)), "no port")))
    await run.planned(subtask())
    assert run.stands(Status.WAITING_FOR_CUSTOMER)


async def test_an_action_that_needs_approval_waits_for_an_expert_and_counts_as_assisted() -> None:
    run = Run(Script(calls("cloud.release_address", purpose=Purpose.REMEDY), SOLVED))
    await run.planned(subtask())
    (action,) = run.actions()
    request = ApprovalRequested(
        action=action.action, tool=action.tool, arguments={}, digest="d", risk="destructive", reason="it destroys",
        expires_at=NOW,
    )  # fmt: skip
    await run.feed(request)
    assert run.stands(Status.WAITING_FOR_EXPERT)
    await run.feed(finished(action))
    assert run.ended(Outcome.FIXED)
    assert run.case.assisted


async def test_a_denied_action_reaches_the_brain_as_forbidden() -> None:
    script = Script(calls("cloud.release_address", purpose=Purpose.REMEDY), GIVE_UP)
    run = Run(script)
    await run.planned(subtask())
    (action,) = run.actions()
    await run.feed(ActionFailed(action=action.action, tool=action.tool, kind=FailureKind.FORBIDDEN, message="no"))
    assert script.problems[1].observations[0].forbidden


async def test_guidance_brings_a_new_plan_whose_inputs_count_as_the_experts() -> None:
    script = Script(GIVE_UP, SOLVED)
    run = Run(script)
    await run.planned(subtask())
    await run.feed(GuidanceGiven(expert="dana", text="the port is 8443", inputs={"port": 8443}))
    (request,) = run.requests()
    assert request.guidance == ("the port is 8443",)
    assert request.facts["port"] == 8443
    assert run.stands(Status.WORKING)
    await run.feed(run.plan(subtask(inputs={"instance_id": "i", "port": 8443})))
    assert script.problems[1].origins == {"port": Origin.EXPERT}
    (outcome,) = run.sent(OutcomeReached)
    assert isinstance(outcome, OutcomeReached)
    assert not outcome.independent


async def test_a_taken_case_is_left_alone_until_it_is_handed_back() -> None:
    script = Script(calls("a.look"), SOLVED)
    run = Run(script)
    await run.planned(subtask())
    (action,) = run.actions()
    await run.feed(CaseTaken(expert="dana"))
    assert run.case.owner == "dana"
    await run.feed(finished(action))
    await run.feed(TicketMessageAdded(text="hello?"))
    assert len(script.problems) == 1
    assert run.sent(ReplySent) == []
    await run.feed(CaseHandedBack(expert="dana", note="go on"))
    assert run.case.owner == "agent"
    assert len(run.requests()) == 1


async def test_an_experts_note_is_not_taken_for_the_customers_words() -> None:
    run = Run(Script(GIVE_UP))
    await run.planned(subtask())
    await run.feed(CaseTaken(expert="dana"))
    await run.feed(CaseHandedBack(expert="dana", note="internal note"))
    assert "internal note" not in run.case.text


async def test_an_experts_answer_goes_out_in_their_name_and_ends_the_case() -> None:
    run = Run(Script(GIVE_UP))
    await run.planned(subtask())
    await run.feed(AnswerGiven(expert="dana", text="We refund you."))
    (reply,) = run.sent(ReplySent)
    assert isinstance(reply, ReplySent)
    assert (reply.author, reply.text) == ("dana", "We refund you.")
    assert run.ended(Outcome.EXPERT)


async def test_a_reopened_case_takes_its_outcome_back_and_starts_over() -> None:
    run = Run(Script(SOLVED))
    await run.planned(subtask())
    assert run.ended(Outcome.ANSWERED)
    await run.feed(TicketReopened(text="still broken"))
    assert run.ended(None)
    assert len(run.requests()) == 1


async def test_a_withdrawn_ticket_ends_and_late_results_change_nothing() -> None:
    script = Script(calls("a.look"), SOLVED)
    run = Run(script)
    await run.planned(subtask())
    (action,) = run.actions()
    await run.feed(TicketWithdrawn())
    assert run.stands(Status.CLOSED)
    await run.feed(finished(action))
    assert len(script.problems) == 1


async def test_a_case_that_spends_its_budget_goes_to_an_expert() -> None:
    run = Run(Script(calls("a.look")), budget=Budget(actions=3, repeats=99))
    await run.planned(subtask())
    for _ in range(4):
        for action in run.actions():
            await run.feed(finished(action))
    assert run.case.escalation is not None
    assert run.case.escalation.reason is EscalationReason.BUDGET


async def test_checks_that_tell_nothing_new_stop_the_agent() -> None:
    run = Run(Script(calls("a.look")), budget=Budget(repeats=3))
    await run.planned(subtask())
    rounds = 0
    while run.case.escalation is None:
        (action,) = run.actions()
        await run.feed(finished(action, same=True))
        rounds += 1
    assert rounds == 4


async def test_wall_time_is_a_budget_too() -> None:
    run = Run(Script(calls("a.look")), budget=Budget(wall=timedelta(minutes=30)))
    await run.planned(subtask())
    later(run, minutes=31)
    await run.feed(finished(run.actions()[0]))
    assert run.case.escalation is not None
