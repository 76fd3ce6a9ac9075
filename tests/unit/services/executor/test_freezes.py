"""Change freezes: what would begin while one lasts does not."""

from datetime import timedelta

import pytest

from aivis.errors import Unknown
from aivis.events.actions import ActionFinished, FailureKind
from aivis.mailbox.turn import NotYet
from aivis.mailbox.values import Key
from services.executor.stops import Freeze
from tests.unit.services.executor.making import (
    ACTION,
    START,
    TENANT,
    Desk,
    FakeTools,
    crashed,
    entry,
    event,
    grant,
    last,
    request,
    waiting,
)


def freeze(at: Desk, *, seconds: float, tenant: str = "*", tool: str = "", begins: float = -60) -> None:
    ends, start = START + timedelta(seconds=seconds), START + timedelta(seconds=begins)
    made = Freeze(tenant=tenant, tool=tool, begins=start, ends=ends, reason="the quarter is closed")
    at.windows.append(made.window)


@pytest.mark.parametrize("tool", ["", "test.dedupes"])
async def test_an_effect_that_would_begin_in_a_long_freeze_fails_with_its_end_and_reason(
    at: Desk, tools: FakeTools, tool: str
) -> None:
    freeze(at, seconds=3 * 3600, tool=tool)
    assert await at.turn(event(request())) == "FAILED"
    assert last(at).kind is FailureKind.FORBIDDEN
    says = "effects of test.dedupes are frozen until 2026-03-01 15:00 UTC: the quarter is closed"
    assert last(at).message == says
    assert tools.calls == []
    assert at.holds == {}


async def test_reads_go_on_in_a_freeze(at: Desk) -> None:
    freeze(at, seconds=3 * 3600)
    assert await at.turn(event(request("test.read"))) == "DONE"


async def test_a_read_that_an_expert_allowed_goes_on_in_a_freeze(at: Desk, tools: FakeTools) -> None:
    asked = waiting(entry("test.read"))
    at.states[Key(TENANT, ACTION)] = (asked.dump(), asked.state.value)
    freeze(at, seconds=3 * 3600)
    assert await at.turn(grant(asked.digest)) == "DONE"


async def test_a_freeze_that_is_nearly_over_is_waited_for(at: Desk, tools: FakeTools) -> None:
    freeze(at, seconds=300)
    with pytest.raises(NotYet, match="frozen until"):
        await at.turn(event(request()))
    assert tools.calls == []
    assert await at.until_over(event(request()), pause=20) == "DONE"
    assert at.now >= START + timedelta(seconds=300)


async def test_a_freeze_is_looked_at_again_before_its_end_as_it_may_be_lifted(at: Desk) -> None:
    freeze(at, seconds=500)
    with pytest.raises(NotYet) as waits:
        await at.turn(event(request()))
    assert waits.value.seconds == 30


async def test_a_freeze_to_come_or_of_others_keeps_nobody_back(at: Desk) -> None:
    freeze(at, seconds=7200, begins=60)
    freeze(at, seconds=3600, tool="test.other")
    assert await at.turn(event(request())) == "DONE"


async def test_an_effect_in_doubt_is_not_called_again_in_a_freeze_and_once_it_is_over(
    at: Desk, tools: FakeTools
) -> None:
    tools.answers = [Unknown("deadline")]
    with pytest.raises(NotYet):
        await at.turn(event(request()))
    freeze(at, seconds=120)
    for _ in range(4):
        at.pass_time(25)
        with pytest.raises(NotYet):
            await at.turn(event(request()))
    assert len(tools.calls) == 1
    assert at.label() == "INTENT"
    at.pass_time(25)
    assert await at.turn(event(request())) == "DONE"
    assert isinstance(last(at), ActionFinished)


async def test_an_effect_in_doubt_in_a_freeze_without_end_in_sight_goes_to_people(at: Desk, tools: FakeTools) -> None:
    crashed(at, "test.dedupes")
    freeze(at, seconds=8 * 3600, tenant=TENANT)
    assert await at.until_over(event(request()), pause=60) == "AMBIGUOUS"
    assert tools.calls == []
