"""The ledger after its database was put back: what it said stands; what it may have done is found out, or asked."""

from datetime import timedelta

import pytest

from aivis.errors import Transient
from aivis.events.actions import (
    ActionFailed,
    ActionFinished,
    ActionUnsettled,
    ApprovalRequested,
    FailureKind,
    Purpose,
)
from aivis.events.envelope import Event, Past, Payload
from aivis.mailbox.values import Key, Restoration
from services.executor.ledger import Entry
from services.executor.ports import Became, Found
from tests.unit.services.executor.making import (
    ACTION,
    START,
    TENANT,
    TEXT,
    Desk,
    FakeTools,
    approved,
    crashed,
    entry,
    event,
    grant,
    request,
    settlement,
    timer,
    waiting,
)

SINCE = START - timedelta(minutes=20)
WHOLE = Restoration("r1", SINCE, START - timedelta(minutes=1), whole=True)
LOST = WHOLE._replace(whole=False)
FINISHED = ActionFinished(action=ACTION, tool="test.neither", result={"done": True}, seconds=0.5)


@pytest.fixture(autouse=True)
def restored(at: Desk) -> None:
    at.restored = WHOLE


def heard(data: Payload) -> Event:
    return event(data)._replace(past=Past.HEARD)


def said(data: Payload) -> Event:
    return event(data)._replace(past=Past.SAID)


def keep(at: Desk, kept: Entry) -> None:
    """What the restored database has."""
    at.states[Key(TENANT, ACTION)] = (kept.dump(), kept.state.value)


@pytest.mark.parametrize("tool", ["test.dedupes", "test.lookup", "test.neither"])
@pytest.mark.parametrize("known", [False, True], ids=["unknown", "known before"])
async def test_what_it_said_was_done_is_done_and_not_called(at: Desk, tools: FakeTools, tool: str, known: bool) -> None:
    if known:
        keep(at, approved(entry(tool)))
    state = await at.turn(said(FINISHED.model_copy(update={"tool": tool})), heard(request(tool)))
    assert (state, tools.calls, tools.lookups) == ("DONE", [], 0)
    assert at.published == [FINISHED.model_copy(update={"tool": tool})], "told again, to the letter"


async def test_what_was_in_intent_and_is_said_to_be_done_lets_its_resource_go(at: Desk, tools: FakeTools) -> None:
    crashed(at, "test.neither")
    assert await at.turn(heard(request("test.neither")), said(FINISHED)) == "DONE"
    assert at.holds == {}


async def test_what_it_said_failed_is_not_called(at: Desk, tools: FakeTools) -> None:
    failed = ActionFailed(action=ACTION, tool="test.dedupes", kind=FailureKind.REFUSED, message="no", seconds=1)
    assert await at.turn(said(failed), heard(request())) == "FAILED"
    assert tools.calls == []
    assert at.published == [failed]


async def test_a_neither_that_may_have_been_called_is_a_persons(at: Desk, tools: FakeTools) -> None:
    assert await at.until_over(heard(request("test.neither"))) == "AMBIGUOUS"
    assert tools.calls == []
    (told,) = at.published
    assert isinstance(told, ActionUnsettled)
    assert "put back" in told.message
    assert at.holds, "nobody else touches the resource meanwhile"


async def test_a_lookup_that_may_have_been_called_is_looked_up_first(at: Desk, tools: FakeTools) -> None:
    tools.found = [Found(Became.HAPPENED, b'{"done": true}')]
    assert await at.until_over(heard(request("test.lookup"))) == "DONE"
    assert (tools.calls, tools.lookups) == ([], 1)


async def test_a_lookup_that_proves_that_it_was_not_called_lets_it_be_called(at: Desk, tools: FakeTools) -> None:
    tools.found = [Found(Became.DID_NOT_HAPPEN)]
    assert await at.until_over(heard(request("test.lookup"))) == "DONE"
    assert (len(tools.calls), tools.lookups) == (1, 1)


async def test_a_tool_that_dedupes_is_called_with_the_same_key(at: Desk, tools: FakeTools) -> None:
    assert await at.until_over(heard(request())) == "DONE"
    assert [call.key for call in tools.calls] == [ACTION]


async def test_a_key_that_the_tool_may_have_forgotten_is_not_used_again(at: Desk, tools: FakeTools) -> None:
    at.restored = WHOLE._replace(since=START - timedelta(hours=2))
    old = event(request())._replace(past=Past.HEARD, time=START - timedelta(hours=2))
    assert await at.until_over(old) == "AMBIGUOUS"
    assert tools.calls == []


async def test_a_read_is_made_again(at: Desk, tools: FakeTools) -> None:
    assert await at.turn(heard(request("test.read"))) == "DONE"
    assert len(tools.calls) == 1


async def test_what_is_asked_for_after_the_restoration_is_carried_out(at: Desk, tools: FakeTools) -> None:
    assert await at.turn(event(request("test.neither"))) == "DONE"
    assert len(tools.calls) == 1


async def test_without_an_experts_word_where_policy_wants_one_it_was_not_called(at: Desk, tools: FakeTools) -> None:
    assert await at.turn(heard(request("test.neither", origins=TEXT))) == "WAITING"
    assert await at.turn(grant(at.entry().digest)) == "DONE"
    assert len(tools.calls) == 1


async def test_an_approval_that_was_given_may_have_been_used(at: Desk, tools: FakeTools) -> None:
    asked = waiting(entry("test.neither", origins=TEXT))
    requested = ApprovalRequested(
        action=ACTION, tool="test.neither", arguments={"id": "i-1"}, digest=asked.digest, risk="reversible",
        reason="because", expires_at=START + timedelta(hours=8),
    )  # fmt: skip
    given = grant(asked.digest)._replace(past=Past.HEARD)
    state = await at.until_over(said(requested), heard(request("test.neither", origins=TEXT)), given)
    assert (state, tools.calls) == ("AMBIGUOUS", [])


async def test_an_approval_that_was_asked_for_is_the_same_one_still(at: Desk) -> None:
    asked = waiting(entry("test.neither", origins=TEXT))
    requested = ApprovalRequested(
        action=ACTION, tool="test.neither", arguments={"id": "i-1"}, digest=asked.digest, risk="reversible",
        reason="because", expires_at=START + timedelta(hours=8),
    )  # fmt: skip
    assert await at.turn(said(requested), heard(request("test.neither", origins=TEXT))) == "WAITING"
    assert at.published == [requested], "another body under one id would not be heard"


async def test_an_approval_of_then_counts_though_its_time_is_over_now(at: Desk, tools: FakeTools) -> None:
    keep(at, waiting(entry("test.lookup", origins=TEXT)))
    tools.found = [Found(Became.HAPPENED, b'{"done": true}')]
    at.pass_time(9 * 3_600)
    given = grant(at.entry().digest)._replace(past=Past.HEARD)
    assert await at.until_over(timer("approval")._replace(past=Past.HEARD), given) == "DONE"
    assert (tools.calls, tools.lookups) == ([], 1)


async def test_a_doubt_that_people_settled_since_is_settled(at: Desk, tools: FakeTools) -> None:
    unsettled = ActionUnsettled(action=ACTION, tool="test.neither", arguments={"id": "i-1"}, message="who knows")
    word = settlement(happened=True)._replace(past=Past.HEARD)
    assert await at.turn(said(unsettled), heard(request("test.neither")), word) == "RESOLVED"
    assert tools.calls == []


async def test_words_that_had_their_effect_then_are_passed_over(at: Desk) -> None:
    given = grant(entry("test.neither").digest)._replace(past=Past.HEARD)
    assert await at.turn(said(FINISHED), heard(request("test.neither")), given) == "DONE"
    assert await at.turn(given) == "DONE"


async def test_a_doubt_is_had_once(at: Desk, tools: FakeTools) -> None:
    """What was found not to have happened is carried out, with as many tries as anything."""
    tools.found, tools.answers = [Found(Became.DID_NOT_HAPPEN)], [Transient("busy"), Transient("busy")]
    assert await at.until_over(heard(request("test.lookup"))) == "DONE"
    assert (len(tools.calls), tools.lookups) == (3, 1)


async def test_an_undo_that_was_made_is_not_made_again_by_another(at: Desk, tools: FakeTools) -> None:
    await at.turn(said(FINISHED.model_copy(update={"tool": "test.dedupes"})), heard(request()))
    undo = request(action="u1", purpose=Purpose.UNDO, undoes=ACTION)
    undone = ActionFinished(action="u1", tool="test.dedupes", result={}, seconds=0)
    assert await at.turn(said(undone), heard(undo), action="u1") == "DONE"
    again = request(action="u2", purpose=Purpose.UNDO, undoes=ACTION)
    assert await at.turn(event(again), action="u2") == "FAILED"
    assert tools.undos == []


async def test_where_the_bus_lost_something_a_neither_that_seems_new_needs_a_persons_word(
    at: Desk, tools: FakeTools
) -> None:
    at.restored = LOST
    assert await at.turn(event(request("test.neither"))) == "WAITING"
    (asked,) = at.published
    assert isinstance(asked, ApprovalRequested)
    assert "put back" in asked.reason
    assert await at.turn(grant(at.entry().digest)) == "DONE"
    assert len(tools.calls) == 1


async def test_where_the_bus_lost_something_a_lookup_that_seems_new_is_looked_up(at: Desk, tools: FakeTools) -> None:
    at.restored, tools.found = LOST, [Found(Became.HAPPENED, b'{"done": true}')]
    assert await at.until_over(event(request("test.lookup"))) == "DONE"
    assert tools.calls == []


async def test_where_the_bus_lost_something_what_waited_for_a_word_may_have_had_it(at: Desk, tools: FakeTools) -> None:
    at.restored = LOST
    keep(at, waiting(entry("test.neither", origins=TEXT)).model_copy(update={"since": SINCE}))
    assert await at.turn(timer("approval")) == "AMBIGUOUS"
    assert tools.calls == []


async def test_a_week_later_all_is_as_ever(at: Desk, tools: FakeTools) -> None:
    at.restored = LOST
    at.pass_time(8 * 86_400)
    assert await at.turn(event(request("test.neither"))) == "DONE"
