"""A model brain inside a case: what it said survives a crash, is counted, and is void once something newer is said."""

from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from aivis.artifacts import ArtifactStore
from aivis.events.cases import DecisionMade, ModelResponded
from aivis.events.plans import PlanMade
from aivis.events.tickets import TicketMessageAdded
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Step
from services.reasoner.advancing import Means
from services.reasoner.brains.playbook.moves import Move, Solved
from services.reasoner.consumer import Reasoner
from services.reasoner.guards import Budget
from tests.unit.services.reasoner.brains.model.asking import DESCRIBE, LIBRARY, MINE, Asking, answer, wire
from tests.unit.services.reasoner.cases import Run, Script, opened, subtask

INPUTS: dict[str, object] = {"instance_id": MINE}
LOOK = wire("cloud.describe_instance_status", instance_id=MINE)


def a_case(asking: Asking) -> Run:
    """A case whose brain is a model."""
    run = Run(Script(Move(Solved("", ""), "")))
    run.reasoner = Reasoner(Means(LIBRARY, asking.brain, Budget(), ArtifactStore(Path("/nonexistent"))))
    return run


async def crashed(run: Run, *, behind: int = 2) -> tuple[Step, PlanMade]:
    """The plan comes in, and the process dies right behind a commit: the second makes the model's answer durable.

    What was committed last, and the plan.
    """
    await run.feed(opened())
    made = run.plan(subtask(inputs=INPUTS))
    dying = run.turn(made)
    committed: list[Step] = []

    async def keep(turn: Turn, step: Step) -> None:
        committed.append(step)
        turn.state, turn.version = step.state, turn.version + 1
        if len(committed) == behind:
            raise ConnectionError("the process dies here")

    dying.keep = keep
    with pytest.raises(ConnectionError):
        await run.reasoner.handle(dying)
    run.state = committed[-1].state
    run.log += [event for step in committed for event in step.log]
    return committed[-1], made


async def test_an_answer_is_durable_before_anything_acts_on_it() -> None:
    step, _ = await crashed(a_case(Asking(answer(LOOK))))
    assert [event.data.TYPE for event in step.log][-1] == ModelResponded.TYPE
    assert not [event for event in step.log if isinstance(event.data, DecisionMade)]
    assert not [each for each in step.publish if each.topic == "aivis.actions"]


async def test_after_a_crash_the_recorded_answer_is_acted_on_and_the_model_not_asked_again() -> None:
    asking = Asking(answer(LOOK), answer(wire(DESCRIBE, instance_id=MINE)))
    run = a_case(asking)
    _, made = await crashed(run)
    await run.feed(made)
    assert [action.tool for action in run.actions()] == ["cloud.describe_instance_status"]
    assert len(asking.endpoint.prompts) == 1


async def test_after_a_crash_recorded_nonsense_leaves_the_decision_to_the_playbook() -> None:
    asking = Asking(answer(("explode", "{}")))
    run = a_case(asking)
    _, made = await crashed(run)
    await run.feed(made)
    assert run.actions()
    assert len(asking.endpoint.prompts) == 1
    (decision,) = [e.data for e in run.step.log if isinstance(e.data, DecisionMade) and e.data.subtask]
    assert decision.brain == "playbook"


async def test_an_answer_that_a_newer_message_overtook_is_not_acted_on_after_all() -> None:
    asking = Asking(answer(LOOK), answer(wire(DESCRIBE, instance_id=MINE)))
    run = a_case(asking)
    await crashed(run)
    await run.feed(TicketMessageAdded(text="Wait, it is something else."))
    await run.feed(run.plan(subtask(inputs=INPUTS)))
    assert [action.tool for action in run.actions()] == [DESCRIBE]
    assert len(asking.endpoint.prompts) == 2


async def test_the_tokens_of_an_answer_are_counted_once() -> None:
    def counted() -> float:
        labels = {"model": "scripted", "direction": "prompt"}
        return REGISTRY.get_sample_value("aivis_reasoner_tokens_total", labels) or 0

    before = counted()
    run = a_case(Asking(answer(LOOK, prompt_tokens=70)))
    await run.planned(subtask(inputs=INPUTS))
    assert counted() - before == 70
    assert run.case.spent.tokens == 80
