"""The reasoner's handler: turns, reminders, giving up, replay."""

import pytest

from aivis.events import tickets
from aivis.events.actions import ActionFinished, ActionRequested
from aivis.events.cases import ModelResponded
from aivis.events.escalations import CaseEscalated, EscalationReason
from aivis.events.plans import PlanRequested, Route
from aivis.events.replies import ReplySent
from aivis.events.tickets import Artifact, TicketMessageAdded
from aivis.mailbox.turn import NotYet
from services.reasoner import folding
from services.reasoner.agents.agent import Problem
from services.reasoner.brains.playbook.moves import Move, Solved
from services.reasoner.brains.thought import Account, Thought
from services.reasoner.reminders import PATIENCE
from tests.unit.services.reasoner.cases import Run, Script, calls, finished, opened, reminder, subtask

SOLVED = Move(Solved("m", "done"), "seen")


async def test_an_event_before_its_ticket_is_kept_for_later() -> None:
    with pytest.raises(NotYet):
        await Run(Script(SOLVED)).feed(TicketMessageAdded(text="hello"))


async def test_what_came_before_its_ticket_in_one_turn_is_heard_after_it() -> None:
    run = Run(Script(SOLVED))
    await run.feed(TicketMessageAdded(text="and hurry"), opened("It is down."))
    assert run.case.text == "It is down.\n\nand hurry"


async def test_folding_the_log_gives_the_state_that_is_kept() -> None:
    run = Run(Script(calls("a.look"), calls("b.look"), SOLVED))
    await run.planned(subtask())
    await run.feed(finished(run.actions()[0], up=True))
    await run.feed(TicketMessageAdded(text="more"))
    folded = folding.fold(run.log)
    assert folded.model_copy(update={"reasked": 0}) == run.case.model_copy(update={"reasked": 0, "deadline": None})
    assert [event.sequence for event in run.log] == [*range(1, len(run.log) + 1)]


async def test_a_late_plan_is_asked_for_again_under_the_same_id() -> None:
    run = Run(Script(SOLVED))
    await run.feed(opened())
    first = [event for topic, event in run.published if topic == "aivis.plan-requests"]
    await run.feed(reminder())
    again = [each.event for each in run.step.publish if isinstance(each.event.data, PlanRequested)]
    assert [event.id for event in again] == [event.id for event in first]
    assert all(event.reasked for event in again)
    assert again[0].data == first[0].data


async def test_a_late_result_is_asked_for_again_under_the_actions_id() -> None:
    run = Run(Script(calls("a.look")))
    await run.planned(subtask())
    (action,) = run.actions()
    await run.feed(reminder())
    again = [each.event for each in run.step.publish if isinstance(each.event.data, ActionRequested)]
    assert [event.id for event in again] == [action.action]


async def test_nothing_outstanding_means_no_reminder() -> None:
    run = Run(Script(SOLVED))
    await run.planned(subtask())
    assert run.timers == {}
    await run.feed(reminder())
    assert run.step.publish == ()


async def test_reminders_come_at_growing_distances_and_end_with_a_person() -> None:
    run = Run(Script(SOLVED))
    await run.feed(opened())
    delays = []
    for _ in range(PATIENCE):
        await run.feed(reminder())
        delays.append(run.step.timers[0].after)
    assert delays == sorted(delays, key=lambda delay: delay or 0)
    assert not run.escalated()
    await run.feed(reminder())
    assert run.case.escalation is not None
    assert run.case.escalation.reason is EscalationReason.FAULT


async def test_a_case_that_keeps_failing_is_a_persons() -> None:
    run = Run(Script(SOLVED))
    run.give_up(opened())
    (escalation,) = run.sent(CaseEscalated)
    assert isinstance(escalation, CaseEscalated)
    assert escalation.reason is EscalationReason.FAULT


async def test_a_case_for_which_no_plan_can_be_made_is_a_persons_and_the_fault_is_ours() -> None:
    run = Run(Script(SOLVED))
    await run.feed(opened())
    made = run.plan(route=Route.EXPERT)
    await run.feed(made.model_copy(update={"plan": made.plan.model_copy(update={"failed": True})}))
    assert run.case.escalation is not None
    assert run.case.escalation.reason is EscalationReason.FAULT


async def test_of_a_second_message_given_up_on_the_person_hears_and_the_customer_does_not_anew() -> None:
    run = Run(Script(SOLVED))
    await run.feed(opened())
    run.give_up(TicketMessageAdded(text="and now?"))
    assert len(run.sent(ReplySent)) == len(run.sent(CaseEscalated)) == 1
    run.give_up(TicketMessageAdded(text="hello?"))
    assert (len(run.sent(ReplySent)), len(run.sent(CaseEscalated))) == (0, 1)


def test_a_word_about_a_case_that_never_began_reaches_a_person_and_begins_none() -> None:
    run = Run(Script(SOLVED))
    step = run.give_up(TicketMessageAdded(text="and now?"))
    (escalation,) = run.sent(CaseEscalated)
    assert isinstance(escalation, CaseEscalated)
    assert "and now?" in escalation.summary.known[0]
    assert (step.state, step.log) == (None, ())


@pytest.mark.parametrize("kind", [tickets.TicketMessageAdded, tickets.TicketWithdrawn, tickets.TicketEdited])
def test_a_newer_word_of_the_customer_makes_a_decision_under_way_void(kind: type[tickets.TicketEdited]) -> None:
    assert Run(Script(SOLVED)).reasoner.interrupts(kind.TYPE)


def test_a_result_does_not_interrupt() -> None:
    assert not Run(Script(SOLVED)).reasoner.interrupts(ActionFinished.TYPE)


class Modelled(Script):
    """Records what a model said before it acts, as the model brain does."""

    def __init__(self, *moves: Move) -> None:
        super().__init__(*moves)
        self.asked = 0
        self.replayed: list[ModelResponded] = []

    async def decide(self, problem: Problem, response: ModelResponded | None, account: Account) -> Thought:
        if response is not None:
            self.replayed.append(response)
        else:
            self.asked += 1
            await account.record(ModelResponded(model="m", subtask=problem.subtask.id, output={"text": "hm"}))
        return await super().decide(problem, response, account)


async def test_what_a_model_said_before_a_crash_is_acted_on_and_not_asked_for_again() -> None:
    brain = Modelled(calls("a.look"))
    run = Run(brain)
    await run.feed(opened())
    made = run.plan(subtask())
    crash = run.turn(made)
    committed = []

    async def keep(turn: object, step: object) -> None:
        committed.append(step)
        raise ConnectionError("the process dies here")

    crash.keep = keep
    with pytest.raises(ConnectionError):
        await run.reasoner.handle(crash)
    (step,) = committed
    run.state = step.state  # type: ignore[attr-defined]  # what the database has after the crash
    await run.feed(made)
    assert brain.asked == 1
    assert [response.output for response in brain.replayed] == [{"text": "hm"}]
    assert len(run.actions()) == 1


async def test_a_large_result_is_fetched_for_the_brain_and_stays_out_of_the_log(tmp_path: object) -> None:
    from pathlib import Path

    from aivis.artifacts import ArtifactStore

    folder = Path(str(tmp_path))
    stored: Artifact = await ArtifactStore(folder).put("acme", b'{"big": "value"}', media_type="application/json")
    script = Script(calls("a.look"), SOLVED)
    run = Run(script, artifacts=folder)
    await run.planned(subtask())
    (action,) = run.actions()
    await run.feed(ActionFinished(action=action.action, tool="a.look", result_artifact=stored, seconds=1))
    assert script.problems[1].observations[0].result == {"big": "value"}
    assert run.state is not None
    assert b"value" not in run.state
