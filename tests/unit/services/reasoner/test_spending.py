"""What a case spends on a model is counted from before it is asked, whatever becomes of the answer."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aivis.artifacts import ArtifactStore
from aivis.events.actions import ActionFailed, ActionFinished, FailureKind
from aivis.events.cases import DecisionMade, LimitReached
from aivis.events.escalations import EscalationReason
from aivis.events.plans import PlanMade
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Step
from services.reasoner import folding
from services.reasoner.advancing import Means
from services.reasoner.brains.model.ports import Unavailable
from services.reasoner.brains.playbook.moves import Move, Solved
from services.reasoner.consumer import Reasoner
from services.reasoner.guards import Budget, Prices
from services.reasoner.settings import ReasonerSettings
from services.reasoner.spent import Spent
from tests.unit.services.reasoner.brains.model.asking import LIBRARY, MINE, Asking, answer, wire
from tests.unit.services.reasoner.cases import Run, Script, calls, opened, subtask

INPUTS: dict[str, object] = {"instance_id": MINE}
LOOK = answer(wire("cloud.describe_instance_status", instance_id=MINE))


def a_case(asking: Asking, budget: Budget | None = None) -> Run:
    run = Run(Script(Move(Solved("", ""), "")))
    run.reasoner = Reasoner(Means(LIBRARY, asking.brain, budget or Budget(), ArtifactStore(Path("/nonexistent"))))
    return run


async def dies(run: Run, turn: Turn, *, behind: int = 1) -> None:
    """The turn, in a process that dies behind its commit number `behind`; the events stay pending."""
    commits: list[Step] = []

    async def keep(_: Turn, step: Step) -> None:
        commits.append(step)
        run.state = step.state
        if len(commits) == behind:
            raise ConnectionError("the process dies here")

    turn.keep = keep
    with pytest.raises(ConnectionError):
        await run.reasoner.handle(turn)


def again(run: Run, turn: Turn) -> Turn:
    """The turn that follows one that broke off: the same events, upon what was committed."""
    return Turn(turn.key, run.state, "", run.version, 0, turn.events, turn.now, run._keep)


async def answered(run: Run) -> None:
    """Every call has its result."""
    await run.feed(*[ActionFinished(action=a.action, tool=a.tool, result={}, seconds=0.1) for a in run.actions()])


def spent(run: Run) -> Spent:
    return run.case.spent


async def begun(run: Run) -> PlanMade:
    await run.feed(opened())
    return run.plan(subtask(inputs=INPUTS))


async def test_what_a_question_may_take_is_set_aside_durably_before_it_is_asked() -> None:
    asking = Asking(LOOK)
    run = a_case(asking)
    await dies(run, run.turn(await begun(run)))
    assert asking.endpoint.prompts == [], "it died before it asked"
    (question,) = spent(run).asked.values()
    assert question.completion == 2_000
    assert spent(run).used.tokens == question.prompt + 2_000 > 3_000


async def test_the_answers_own_count_takes_the_place_of_what_was_set_aside() -> None:
    run = a_case(Asking(LOOK))
    await run.feed(await begun(run))
    assert (spent(run).used.tokens, spent(run).asked, spent(run).lost) == (110, {}, 0)
    assert (spent(run).tokens, spent(run).completion) == (110, 10)


async def test_of_a_question_whose_answer_was_lost_all_of_it_counts_and_the_loop_ends() -> None:
    asking = Asking(LOOK)
    run = a_case(asking, Budget(tokens=60_000))
    turn = run.turn(await begun(run))
    for _ in range(3):
        await dies(run, again(run, turn))
    one = spent(run).used.tokens // 3
    assert (spent(run).used.tokens, spent(run).lost) == (3 * one, 2 * one)
    step = await run.reasoner.handle(again(run, turn))
    assert asking.endpoint.prompts == []
    (decision,) = [e.data for e in step.log if isinstance(e.data, DecisionMade) and e.data.subtask]
    assert decision.brain == "playbook"


@pytest.mark.parametrize(("free", "used"), [(True, 0), (False, 1)])
async def test_a_question_without_an_answer_costs_nothing_only_where_that_is_certain(free: bool, used: int) -> None:
    run = a_case(Asking(Unavailable("no", free=free)))
    await run.feed(await begun(run))
    assert bool(spent(run).tokens) == bool(used)
    assert (spent(run).asked, bool(spent(run).lost)) == ({}, bool(used))


async def test_what_came_in_is_in_the_log_once_though_the_turn_broke_off_behind_a_commit() -> None:
    run = a_case(Asking(LOOK))
    turn = run.turn(await begun(run))
    await dies(run, turn)
    assert run.case.taken == tuple(event.id for event in turn.events)
    step = await run.reasoner.handle(again(run, turn))
    assert step.state is not None
    assert not [event for event in (*run.log, *step.log) if isinstance(event.data, PlanMade)]
    assert [event for event in step.log if isinstance(event.data, DecisionMade)]
    assert folding.load(step.state).taken == ()


async def test_from_the_soft_limit_on_the_playbook_brings_the_case_to_its_end() -> None:
    dear = replace(LOOK, prompt_tokens=60_000)
    run = a_case(Asking(dear), Budget(tokens=100_000, soft=0.5))
    await run.feed(await begun(run))
    await answered(run)
    (decision,) = [each.data for each in run.step.log if isinstance(each.data, DecisionMade)]
    assert decision.brain == "playbook"
    assert "60010 of 100000 tokens are used: the case is brought to its end without a model" in decision.reason


async def test_time_has_a_soft_limit_too() -> None:
    asking = Asking(LOOK)
    run = a_case(asking, Budget(wall=timedelta(minutes=10)))
    made = await begun(run)
    run.now += timedelta(minutes=9)
    await run.feed(made)
    assert asking.endpoint.prompts == []
    assert run.actions()


async def test_money_is_a_budget_at_whose_end_a_person_goes_on() -> None:
    dear = answer(wire("nonsense"), prompt_tokens=1_000_000)
    run = a_case(Asking(dear), Budget(tokens=10**9, money=1, prices=Prices(prompt=1.0, completion=10.0)))
    await run.feed(await begun(run))
    await answered(run)
    assert run.case.escalation is not None
    assert run.case.escalation.reason is EscalationReason.BUDGET
    (limit,) = [each.data for each in run.step.log if isinstance(each.data, LimitReached)]
    assert limit.guard == "money"


async def test_a_question_that_costs_more_than_is_left_is_not_asked() -> None:
    asking = Asking(LOOK)
    run = a_case(asking, Budget(money=0.001, prices=Prices(prompt=1.0, completion=10.0)))
    await run.feed(await begun(run))
    assert asking.endpoint.prompts == []
    (decision,) = [e.data for e in run.step.log if isinstance(e.data, DecisionMade) and e.data.subtask]
    assert "the question costs up to 0.0" in decision.reason


async def test_a_bound_on_money_needs_prices() -> None:
    with pytest.raises(Exception, match="AIVIS_REASONER_MODEL_PROMPT_PRICE"):
        ReasonerSettings.load({"AIVIS_REASONER_MAX_MONEY": "2"})


@pytest.mark.parametrize("failed", [False, True])
async def test_every_call_of_a_tool_counts_not_only_every_action(failed: bool) -> None:
    run = Run(Script(calls("a.look")))
    await run.planned(subtask())
    (action,) = run.actions()
    name, tool = action.action, action.tool
    await run.feed(
        ActionFailed(action=name, tool=tool, kind=FailureKind.UNAVAILABLE, message="no", calls=4)
        if failed
        else ActionFinished(action=name, tool=tool, result={}, seconds=1, calls=4)
    )
    assert run.case.spent.actions == 4 + 1, "the next look has been asked for"
