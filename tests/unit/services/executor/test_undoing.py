"""An undo is an effect of its own: once, of something that happened, under its own id and approval."""

import pytest

from aivis.errors import Refused, Unknown
from aivis.events.actions import FailureKind, Purpose
from aivis.events.envelope import Event
from aivis.mailbox.turn import NotYet
from tests.unit.services.executor.making import (
    ACTION,
    CASE,
    TENANT,
    TEXT,
    Desk,
    FakeTools,
    crashed,
    event,
    grant,
    last,
    request,
    settlement,
)


def undo(action: str = "undo", tool: str = "test.dedupes", **changes: object) -> Event:
    return event(request(tool, action=action, purpose=Purpose.UNDO, undoes=ACTION, **changes))


async def test_an_undo_passes_through_intent_under_its_own_id_and_holds_the_resource_it_puts_back(
    at: Desk, tools: FakeTools
) -> None:
    await at.turn(event(request()))
    held: list[dict[tuple[str, str], str]] = []
    tools.during = lambda: held.append(dict(at.holds))
    assert await at.turn(undo(), action="undo") == "DONE"
    assert at.labels[-2:] == ["INTENT", "DONE"]
    assert held == [{(TENANT, "resource:i-1"): "undo", (TENANT, f"undo:{ACTION}"): "undo"}]
    assert at.entry().digest != at.entry("undo").digest
    assert at.entry("undo").terms is not None
    assert (TENANT, "resource:i-1") not in at.holds


@pytest.mark.parametrize("tool", ["test.dedupes", "test.neither"])
async def test_what_was_undone_is_not_undone_again_whichever_tool_is_asked(
    at: Desk, tools: FakeTools, tool: str
) -> None:
    await at.turn(event(request()))
    await at.turn(undo(), action="undo")
    made = len(tools.calls)
    assert await at.turn(undo("again", tool), action="again") == "FAILED"
    assert last(at).kind is FailureKind.REFUSED
    assert f"action {ACTION} is undone already, or is about to be, by action undo" in last(at).message
    assert len(tools.calls) == made


async def test_of_two_undos_at_once_one_is_made(at: Desk, tools: FakeTools) -> None:
    await at.turn(event(request()))
    tools.answers = [Unknown("deadline")]
    with pytest.raises(NotYet):
        await at.turn(undo(), action="undo")
    assert await at.turn(undo("other"), action="other") == "FAILED"
    assert len(tools.undos) == 1


async def test_an_undo_that_failed_may_be_asked_for_anew(at: Desk, tools: FakeTools) -> None:
    await at.turn(event(request()))
    tools.answers = [Refused("not now")]
    assert await at.turn(undo(), action="undo") == "FAILED"
    assert at.holds == {}
    assert await at.turn(undo("again"), action="again") == "DONE"


@pytest.mark.parametrize("tool", ["test.dedupes", "test.read"])
@pytest.mark.parametrize("how", ["in doubt", "settled as not happened", "waiting", "failed"])
async def test_what_is_not_known_to_have_happened_is_not_undone(
    at: Desk, tools: FakeTools, how: str, tool: str
) -> None:
    if how == "waiting":
        await at.turn(event(request(origins=TEXT)))
    elif how == "failed":
        tools.answers = [Refused("no")]
        await at.turn(event(request()))
    else:
        crashed(at, "test.neither")
        await at.turn(event(request("test.neither")))
        if how != "in doubt":
            await at.turn(settlement(happened=False))
    made = len(tools.calls)
    assert await at.turn(undo(tool=tool), action="undo") == "FAILED"
    assert "there is no effect to undo" in last(at).message
    assert len(tools.calls) == made


async def test_what_an_expert_says_happened_may_be_put_back_by_another_tool(at: Desk, tools: FakeTools) -> None:
    crashed(at, "test.neither")
    await at.turn(event(request("test.neither")))
    await at.turn(settlement(happened=True))
    assert await at.turn(undo(tool="test.dedupes"), action="undo") == "DONE"


async def test_an_undo_cannot_be_undone(at: Desk, tools: FakeTools) -> None:
    await at.turn(event(request()))
    await at.turn(undo(), action="undo")
    again = event(request(action="third", undoes="undo"))
    assert await at.turn(again, action="third") == "FAILED"
    assert "is an undo itself" in last(at).message


async def test_an_approval_of_an_undo_counts_for_the_action_it_reverses_alone(at: Desk, tools: FakeTools) -> None:
    await at.turn(event(request()))
    await at.turn(event(request(action="second", arguments={"id": "i-1"})), action="second")
    await at.turn(undo(origins=TEXT), action="undo")
    digest = at.entry("undo").digest
    other = event(request(action="undo", purpose=Purpose.UNDO, undoes="second", origins=TEXT), case=CASE)
    other = other._replace(id="another request")
    with pytest.raises(Refused, match="other parameters"):
        await at.turn(other, action="undo")
    assert at.label("undo") == "WAITING"
    word = grant(digest)
    word = word._replace(data=word.data.model_copy(update={"action": "undo"}))
    assert await at.turn(word, action="undo") == "DONE"
    assert [undone.key for undone in tools.undos] == [ACTION]
