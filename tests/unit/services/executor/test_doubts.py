"""Effects of which nobody knows whether they happened; what undoes an effect; giving up."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from aivis.errors import Invalid, NotFound, Refused, Transient, Unknown
from aivis.events.actions import (
    ActionFailed,
    ActionFinished,
    ActionUnsettled,
    FailureKind,
    Purpose,
)
from aivis.mailbox.turn import NotYet, Turn
from aivis.mailbox.values import Key, Step
from services.executor.ports import Became, Found
from services.executor.settling import MAX_TRIES
from services.executor.stops import Stop
from tests.unit.services.executor.making import (
    ACTION,
    DONE,
    TENANT,
    TEXT,
    Desk,
    FakeTools,
    crashed,
    entry,
    event,
    grant,
    last,
    request,
    settlement,
    timer,
    waiting,
)


@pytest.mark.parametrize("doubt", ["crash", "unknown"])
async def test_a_tool_that_dedupes_is_called_again_with_the_same_key(at: Desk, tools: FakeTools, doubt: str) -> None:
    if doubt == "crash":
        crashed(at, "test.dedupes")
    else:
        tools.answers = [Unknown("deadline")]
    assert await at.until_over(event(request())) == "DONE"
    assert {call.key for call in tools.calls} == {ACTION}
    assert len(tools.calls) == (1 if doubt == "crash" else 2)
    assert at.holds == {}


async def test_the_time_of_a_call_runs_from_before_it_was_noted(at: Desk, tools: FakeTools) -> None:
    """Who finds it in INTENT counts from then: a process that stood still in between must not call after that."""
    noted = at._apply
    begun = at.since_boot

    def slowly(turn: Turn, step: Step) -> None:
        at.pass_time(3)
        noted(turn, step)

    at._apply = slowly  # type: ignore[method-assign]
    await at.turn(event(request()))
    assert tools.calls[0].by == begun + tools.calls[0].timeout.total_seconds()


async def test_the_resource_stays_held_while_an_effect_is_in_doubt(at: Desk, tools: FakeTools) -> None:
    tools.answers = [Unknown("deadline")]
    with pytest.raises(NotYet):
        await at.turn(event(request()))
    assert at.holds == {(TENANT, "resource:i-1"): ACTION}
    assert at.label() == "INTENT"


@pytest.mark.parametrize("error", [Refused("exists"), Invalid("no"), NotFound("gone")])
async def test_a_refusal_does_not_prove_that_an_earlier_call_did_nothing(
    at: Desk, tools: FakeTools, error: Any
) -> None:
    crashed(at, "test.dedupes")
    tools.answers = [error]
    assert await at.until_over(event(request())) == "AMBIGUOUS"
    assert isinstance(last(at), ActionUnsettled)


async def test_a_call_in_doubt_whose_server_stays_away_goes_to_people(at: Desk, tools: FakeTools) -> None:
    crashed(at, "test.dedupes")
    tools.answers = [Transient("down")] * 200
    assert await at.until_over(event(request()), pause=60) == "AMBIGUOUS"
    assert at.holds == {(TENANT, "resource:i-1"): ACTION}


async def test_a_call_in_doubt_is_not_made_again_while_effects_are_stopped(at: Desk, tools: FakeTools) -> None:
    crashed(at, "test.dedupes")
    at.holds["*", Stop().name] = "stop"
    assert await at.until_over(event(request())) == "AMBIGUOUS"
    assert tools.calls == []


@pytest.mark.parametrize("doubt", ["crash", "unknown"])
@pytest.mark.parametrize(
    ("became", "ends"),
    [(Became.HAPPENED, ("DONE", 0)), (Became.DID_NOT_HAPPEN, ("DONE", 1)), (Became.UNKNOWN, ("AMBIGUOUS", 0))],
)
async def test_a_tool_with_lookup_is_looked_up_when_it_has_settled(
    at: Desk, tools: FakeTools, doubt: str, became: Became, ends: tuple[str, int]
) -> None:
    state, more_calls = ends
    calls = 0 if doubt == "crash" else 1
    if doubt == "crash":
        crashed(at, "test.lookup")
    else:
        tools.answers = [Unknown("deadline")]
    tools.found = [Found(became, DONE)]
    with pytest.raises(NotYet):
        await at.turn(event(request("test.lookup")))
    assert tools.lookups == 0
    at.pass_time(15)
    assert await at.until_over(event(request("test.lookup"))) == state
    assert (tools.lookups, len(tools.calls)) == (1, calls + more_calls)


async def test_a_lookup_that_fails_is_made_again(at: Desk, tools: FakeTools) -> None:
    crashed(at, "test.lookup")
    tools.found = [Transient("down"), Unknown("slow"), Found(Became.HAPPENED, DONE)]
    assert await at.until_over(event(request("test.lookup")), pause=5) == "DONE"
    assert tools.calls == []


@pytest.mark.parametrize("doubt", ["crash", "unknown"])
async def test_a_tool_that_offers_neither_is_called_at_most_once_and_people_are_asked(
    at: Desk, tools: FakeTools, doubt: str
) -> None:
    if doubt == "crash":
        crashed(at, "test.neither")
    else:
        tools.answers = [Unknown("connection lost")]
    assert await at.turn(event(request("test.neither"))) == "AMBIGUOUS"
    assert len(tools.calls) == (0 if doubt == "crash" else 1)
    assert last(at) == ActionUnsettled(
        action=ACTION, tool="test.neither", arguments={"id": "i-1"}, message=last(at).message
    )
    assert at.holds == {(TENANT, "resource:i-1"): ACTION}


async def test_an_unsettled_effect_keeps_others_off_its_resource_until_an_expert_settles_it(
    at: Desk, tools: FakeTools
) -> None:
    crashed(at, "test.neither")
    await at.turn(event(request("test.neither")))
    other = event(request(action="other"))
    with pytest.raises(NotYet):
        await at.turn(other, action="other")
    assert await at.turn(settlement(happened=True)) == "RESOLVED"
    assert isinstance(last(at), ActionFinished)
    assert last(at).note == "settled by eva: seen in the console"
    assert await at.turn(other, action="other") == "DONE"


async def test_an_effect_that_an_expert_says_did_not_happen_is_a_failure(at: Desk) -> None:
    crashed(at, "test.neither")
    await at.turn(event(request("test.neither")))
    assert await at.turn(settlement(happened=False)) == "RESOLVED"
    assert isinstance(last(at), ActionFailed)
    assert last(at).kind is FailureKind.UNAVAILABLE
    with pytest.raises(Refused, match="nothing to settle"):
        await at.turn(settlement(happened=True))


@pytest.mark.parametrize(
    ("became", "state"),
    [(Became.HAPPENED, "RESOLVED"), (Became.DID_NOT_HAPPEN, "RESOLVED"), (Became.UNKNOWN, "AMBIGUOUS")],
)
async def test_people_are_spared_what_a_later_lookup_can_tell(
    at: Desk, tools: FakeTools, became: Became, state: str
) -> None:
    crashed(at, "test.lookup")
    tools.found = [Found(Became.UNKNOWN), Found(became, DONE)]
    assert await at.until_over(event(request("test.lookup")), pause=20) == "AMBIGUOUS"
    told = len(at.published)
    assert at.timers["look"] == timedelta(minutes=1)
    at.pass_time(60)
    assert await at.turn(timer("look")) == state
    assert tools.calls == []
    if state == "AMBIGUOUS":
        assert len(at.published) == told
        assert at.timers["look"] == timedelta(minutes=2)
    else:
        assert isinstance(last(at), ActionFinished if became is Became.HAPPENED else ActionFailed)
        assert at.holds == {}
        assert at.timers == {}


async def test_an_undo_gives_the_server_the_call_it_reverses(at: Desk, tools: FakeTools) -> None:
    await at.turn(event(request(origins=TEXT)))
    await at.turn(grant(at.entry().digest))
    undo = request(action="undo", purpose=Purpose.UNDO, undoes=ACTION)
    assert await at.turn(event(undo), action="undo") == "DONE"
    [undone] = tools.undos
    assert (undone.key, orjson.loads(undone.result)) == (ACTION, {"done": True})


async def test_an_undo_in_doubt_is_made_again_with_its_own_key(at: Desk, tools: FakeTools) -> None:
    await at.turn(event(request("test.neither")))
    tools.answers = [Unknown("deadline"), b"{}"]
    undo = request("test.neither", action="undo", undoes=ACTION)
    with pytest.raises(NotYet):
        await at.turn(event(undo), action="undo")
    at.pass_time(1)
    assert await at.turn(event(undo), action="undo") == "DONE"
    assert [call.key for call in tools.calls] == [ACTION, "undo", "undo"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"arguments": {"id": "i-2"}}, "not those of action"),
        ({"undoes": "other-case"}, "no action other-case of this case"),
    ],
)
async def test_an_undo_of_anything_else_is_refused(
    at: Desk, tools: FakeTools, changes: dict[str, Any], says: str
) -> None:
    await at.turn(event(request()))
    foreign = event(request(action="other-case"), case="another case")
    await at.turn(foreign, action="other-case")
    undo = request(**{"action": "undo", "undoes": ACTION, **changes})
    assert await at.turn(event(undo), action="undo") == "FAILED"
    assert says in last(at).message
    assert tools.undos == []


async def test_what_had_no_effect_cannot_be_undone(at: Desk, tools: FakeTools) -> None:
    tools.answers = [Refused("no")]
    await at.turn(event(request()))
    assert await at.turn(event(request(action="undo", undoes=ACTION)), action="undo") == "FAILED"
    assert "there is no effect to undo" in last(at).message


async def test_another_tool_that_puts_an_effect_back_is_called_as_any_other(at: Desk, tools: FakeTools) -> None:
    await at.turn(event(request()))
    assert await at.turn(event(request("test.neither", action="undo", undoes=ACTION)), action="undo") == "DONE"
    assert tools.undos == []
    assert [call.tool for call in tools.calls] == ["test.dedupes", "test.neither"]


async def test_a_later_lookup_does_not_ask_before_the_call_has_settled(at: Desk, tools: FakeTools) -> None:
    crashed(at, "test.lookup")
    assert at.give_up(event(request("test.lookup"))) == "AMBIGUOUS"
    at.pass_time(14)
    assert await at.turn(timer("look")) == "AMBIGUOUS"
    assert tools.lookups == 0
    assert "look" in at.timers


async def test_an_approved_read_that_ends_the_process_each_time_is_given_up(at: Desk, tools: FakeTools) -> None:
    asked = waiting(entry("test.read"))
    granted = asked.granted(grant(asked.digest).data, "g", at.now)  # type: ignore[arg-type]
    found = granted.intended(at.now).model_copy(update={"tries": MAX_TRIES + 1})
    at.states[Key(TENANT, ACTION)] = (found.dump(), found.state.value)
    assert await at.turn(event(request("test.read"))) == "FAILED"
    assert tools.calls == []


@pytest.mark.parametrize("doubt", ["crash", "unknown"])
async def test_a_clock_set_ten_minutes_on_makes_no_lookup_early(at: Desk, tools: FakeTools, doubt: str) -> None:
    if doubt == "crash":
        crashed(at, "test.lookup")
    else:
        tools.answers = [Unknown("deadline")]
    tools.found = [Found(Became.HAPPENED, DONE)]
    asked = event(request("test.lookup"))
    with pytest.raises(NotYet):
        await at.turn(asked)
    at.now += timedelta(minutes=10)
    at.pass_time(14)
    with pytest.raises(NotYet):
        await at.turn(asked)
    assert tools.lookups == 0
    at.pass_time(1)
    assert await at.turn(asked) == "DONE"


async def test_a_clock_set_ten_minutes_back_lets_nothing_be_called_when_the_tools_window_is_over(
    at: Desk, tools: FakeTools
) -> None:
    tools.answers = [Unknown("deadline")]
    asked = event(request())
    with pytest.raises(NotYet):
        await at.turn(asked)
    at.pass_time(3596)
    at.now -= timedelta(minutes=10)
    assert await at.until_over(asked) == "AMBIGUOUS"
    assert len(tools.calls) == 1


async def test_a_later_lookup_of_what_another_process_called_waits_as_long_as_if_it_had_just_been_called(
    at: Desk, tools: FakeTools
) -> None:
    crashed(at, "test.lookup")
    assert at.give_up(event(request("test.lookup"))) == "AMBIGUOUS"
    at.now += timedelta(minutes=10)
    assert await at.turn(timer("look")) == "AMBIGUOUS"
    assert tools.lookups == 0
    at.pass_time(60)
    tools.found = [Found(Became.HAPPENED, DONE)]
    assert await at.turn(timer("look")) == "RESOLVED"
