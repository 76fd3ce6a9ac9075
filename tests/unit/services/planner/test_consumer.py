"""The planner's handler: requests in, plans out; nothing kept."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aivis import topics
from aivis.bus import Bus
from aivis.errors import Transient
from aivis.events.envelope import Event, Past, Payload
from aivis.events.plans import PlanMade, PlanRequested, Route
from aivis.events.timers import TimerDue
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Key, Step
from services.planner.consumer import Planning
from services.planner.main import build
from services.planner.readiness import Opener
from services.planner.settings import PlannerSettings
from tests.unit.services.planner.desk import FOLDER, LANGUAGE, request

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def event(data: Payload, id: str = "e1") -> Event:
    return Event(
        id=id, type=data.TYPE, source="reasoner", tenant="acme", case="c1", time=NOW, data=data, traceparent="00-1-2-01"
    )


async def _keep(turn: Turn, step: Step) -> None:
    raise AssertionError("the planner commits nothing on the way")


def turn(*events: Event) -> Turn:
    return Turn(
        key=Key("acme", "c1"), state=None, label="", version=0, attempts=0, events=events, now=lambda: NOW, keep=_keep
    )


async def opened(cache: Path) -> Opener:
    opener = Opener(FOLDER, cache, LANGUAGE)
    task = asyncio.create_task(opener.open())
    await opener.planner()
    task.cancel()
    return opener


@pytest.fixture
async def planning(tmp_path: Path) -> Planning:
    from services.planner.opening import open_planner

    open_planner(FOLDER, tmp_path, LANGUAGE)
    return Planning(await opened(tmp_path))


async def test_a_request_is_answered_with_a_plan_that_repeats_its_id(planning: Planning) -> None:
    step = await planning.handle(turn(event(request("Please renew B1234 in north"))))
    (outgoing,) = step.publish
    assert outgoing.topic == topics.PLANS.name
    answer = outgoing.event
    assert isinstance(answer.data, PlanMade)
    assert answer.data.request == "r"
    assert answer.data.plan.route is Route.AGENT
    assert (answer.tenant, answer.case, answer.causation, answer.traceparent) == ("acme", "c1", "e1", "00-1-2-01")
    assert (step.state, step.timers, step.log) == (None, (), ())


async def test_the_same_request_gets_the_same_answer_under_the_same_id(planning: Planning) -> None:
    asked = event(request("Please renew B1234 in north"))
    first, second = await planning.handle(turn(asked)), await planning.handle(turn(asked))
    assert first == second


async def test_every_request_of_a_turn_is_answered_and_nothing_else_is(planning: Planning) -> None:
    due = event(TimerDue(name="t"), "e0")
    step = await planning.handle(turn(due, event(request("hello"), "e1"), event(request("B1234 is missing"), "e2")))
    assert [outgoing.event.causation for outgoing in step.publish] == ["e1", "e2"]


async def test_a_plan_that_went_out_before_the_database_was_put_back_is_the_plan(planning: Planning) -> None:
    """Made anew it might be another one, under the same id."""
    asked = event(request("Please renew B1234 in north"))._replace(past=Past.HEARD)
    (made,) = (await planning.handle(turn(asked))).publish
    said = made.event._replace(past=Past.SAID)
    other = event(request("B1234 is missing"))._replace(past=Past.HEARD)
    first = await planning.handle(turn(said, other))
    assert [each.event for each in first.publish] == [made.event]
    later = turn(other)
    later.state = first.state
    assert (await planning.handle(later)).publish == ()


async def test_a_request_waits_until_the_planner_is_open(tmp_path: Path) -> None:
    opener = Opener(FOLDER, tmp_path, LANGUAGE)
    waiting = asyncio.create_task(Planning(opener).handle(turn(event(request("hello")))))
    with pytest.raises(Transient, match="not loaded"):
        await opener.check()
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_a_faulty_domain_keeps_it_from_being_ready_and_says_why(tmp_path: Path) -> None:
    opener = Opener(tmp_path / "nowhere", tmp_path, LANGUAGE)
    task = asyncio.create_task(opener.open())
    for _ in range(200):
        await asyncio.sleep(0.01)
        try:
            await opener.check()
        except Transient as error:
            if "routing.yaml" in str(error):
                break
    else:
        pytest.fail("the check never named the file")
    task.cancel()


def test_what_it_reads_and_writes_is_what_the_table_of_topics_says(tmp_path: Path) -> None:
    settings = PlannerSettings.load({"AIVIS_DATABASE": f"sqlite:{tmp_path}", "AIVIS_PLANNER_CACHE": str(tmp_path)})
    service = build(settings)
    written = {topics.PLANS.name, topics.ESCALATIONS.name}
    assert {topic.name for topic in service.topics} == {topics.PLAN_REQUESTS.name, *written}
    assert isinstance(service.bus, Bus)
    assert PlanRequested in topics.PLAN_REQUESTS.events
