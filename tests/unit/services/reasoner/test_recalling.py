"""A case whose database was put back: it follows the log that went out, and decides nothing of it anew."""

from datetime import timedelta

import pytest

from aivis import identity
from aivis.events.actions import ActionRequested
from aivis.events.cases import DecisionMade
from aivis.events.envelope import Event, Past
from aivis.events.escalations import CaseEscalated
from aivis.events.replies import ReplySent
from aivis.events.tickets import TicketMessageAdded
from aivis.events.timers import TimerDue
from aivis.mailbox.values import Restoration
from services.reasoner import folding
from services.reasoner.brains.playbook.moves import Move, Solved
from tests.unit.services.reasoner.cases import NOW, Run, Script, calls, event, finished, opened, subtask

WHOLE = Restoration("r1", NOW, NOW, whole=True)
LOST = WHOLE._replace(whole=False)
SOLVED = Move(Solved("m", "done"), "seen")


def said(entries: list[Event]) -> list[Event]:
    return [entry._replace(past=Past.SAID) for entry in entries]


async def lived() -> tuple[Run, list[int]]:
    """A case that asked for a plan, looked twice and solved it; and how long its log was after each turn."""
    run, lengths = Run(Script(calls("a.look"), calls("b.look"), SOLVED)), []
    await run.feed(opened())
    lengths.append(len(run.log))
    await run.feed(run.plan(subtask()))
    lengths.append(len(run.log))
    for _ in range(2):
        await run.feed(finished(run.actions()[0], up=True))
        lengths.append(len(run.log))
    return run, lengths


def put_back(run: Run, length: int, *moves: Move) -> Run:
    """The case as a database has it that knows the first entries of the log only; its brain has changed its mind."""
    back = Run(Script(*(moves or (calls("z.other"),))))
    back.restored = WHOLE
    back.log = list(run.log[:length])
    back.state = folding.dump(folding.fold(back.log)) if length else None
    return back


@pytest.mark.parametrize("turn", range(4))
async def test_whatever_it_lacks_it_follows_the_log_out_there(turn: int) -> None:
    run, lengths = await lived()
    for known in (0, *lengths[:turn]):
        back = put_back(run, known)
        await back.relive(*said(run.log))
        assert back.log == run.log
        assert back.case.sequence == run.case.sequence
        assert back.case.status is run.case.status


async def test_what_the_log_tells_is_told_again_to_the_letter() -> None:
    run, _ = await lived()
    back = put_back(run, 0)
    await back.relive(*said(run.log))
    assert [(topic, each) for topic, each in back.published] == run.published


async def test_it_decides_nothing_before_all_of_its_past_is_in() -> None:
    run, lengths = await lived()
    back = put_back(run, 0)
    await back.relive(*said(run.log[: lengths[0] + 1]))
    assert not any(isinstance(entry.data, DecisionMade) and entry.data.actions for entry in back.log)
    assert "go-on" in back.timers
    await back.relive(*said(run.log[lengths[0] + 1 : lengths[1]]))
    assert back.log == run.log[: lengths[1]]


async def test_then_it_goes_on_from_there() -> None:
    run, lengths = await lived()
    back = put_back(run, 0, calls("b.look"), SOLVED)
    await back.relive(*said(run.log[: lengths[1]]))
    (first,) = [each.event.data for each in back.step.publish if isinstance(each.event.data, ActionRequested)]
    await back.feed(finished(first, up=True))
    assert [action.action for action in back.actions()] == [
        entry.data.actions[0].action
        for entry in run.log[lengths[1] :]
        if isinstance(entry.data, DecisionMade) and entry.data.actions
    ]


async def test_an_input_that_is_in_the_log_is_not_taken_in_again() -> None:
    run = Run(Script(calls("a.look")))
    await run.planned(subtask())
    message = event(TicketMessageAdded(text="and hurry"), "m1")
    await run.relive(message)
    back = put_back(run, 0, calls("a.look"))
    await back.relive(*said(run.log), message._replace(past=Past.HEARD))
    assert [line.text for line in back.case.conversation].count("and hurry") == 1
    assert back.log == run.log


async def test_an_input_that_the_log_does_not_have_is_taken_in() -> None:
    run, _ = await lived()
    back = put_back(run, 0)
    await back.relive(*said(run.log), event(TicketMessageAdded(text="still down"), "m2")._replace(past=Past.HEARD))
    assert back.case.conversation[-1].text == "still down"
    assert back.case.plan_stale is False, "a plan is asked for"


async def test_entries_that_it_knows_change_nothing() -> None:
    run, _ = await lived()
    back = put_back(run, len(run.log))
    await back.relive(*said(run.log))
    assert back.step.log == ()
    assert back.step.publish == ()


async def test_where_the_bus_lost_something_people_get_the_case_under_numbers_that_nobody_had() -> None:
    run, lengths = await lived()
    back = put_back(run, lengths[1])
    back.restored = LOST._replace(since=NOW + timedelta(hours=1))
    await back.relive(event(TicketMessageAdded(text="hello?"), "m1"))
    assert back.escalated()
    (escalation,) = [entry.data for entry in back.step.log if isinstance(entry.data, CaseEscalated)]
    assert "put back to 2026-03-01 10:00:00" in escalation.summary.problem
    assert back.case.sequence > 1_000
    assert not back.actions()
    await back.feed(TicketMessageAdded(text="anybody?"))
    assert back.case.escalations == 1, "once"


async def test_what_is_behind_a_gap_is_not_followed() -> None:
    run, lengths = await lived()
    back = put_back(run, lengths[0])
    back.restored = LOST
    later = said(run.log[lengths[1] :])
    await back.relive(*later, event(TicketMessageAdded(text="hello?"), "m1"))
    assert back.escalated()
    assert {entry.id for entry in back.step.log}.isdisjoint(entry.id for entry in run.log)


async def test_a_case_that_has_ended_stays_as_it_is_where_the_bus_lost_something() -> None:
    run, _ = await lived()
    assert any(isinstance(entry.data, ReplySent) for entry in run.log)
    back = put_back(run, len(run.log))
    back.restored = LOST
    await back.feed(TimerDue(name="go-on"))
    assert not back.escalated()


async def test_a_ticket_that_comes_after_a_loss_begins_as_ever() -> None:
    back = Run(Script(SOLVED))
    back.restored = LOST
    await back.planned(subtask())
    assert back.case.outcome is not None
    assert back.log[0].id == identity.step_id(back.log[0].case, 1, opened().TYPE)
