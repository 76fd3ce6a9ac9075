"""What actions do and tell, turn by turn: the plain way, results, retries."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aivis.artifacts import ArtifactStore
from aivis.errors import Invalid, NotFound, Refused, Transient, Unknown
from aivis.events.actions import (
    ActionFinished,
    Autonomy,
    FailureKind,
)
from aivis.mailbox.turn import NotYet
from services.executor.ports import TooLarge
from tests.unit.services.executor.making import (
    ACTION,
    DONE,
    TENANT,
    TEXT,
    Desk,
    FakeTools,
    event,
    grant,
    last,
    request,
)


async def test_an_effect_is_called_after_its_intent_and_told_when_done(at: Desk, tools: FakeTools) -> None:
    labels: list[str] = []
    tools.during = lambda: labels.append(at.label())
    assert await at.turn(event(request())) == "DONE"
    assert labels == ["INTENT"]
    assert last(at) == ActionFinished(action=ACTION, tool="test.dedupes", result={"done": True}, seconds=0)
    assert at.holds == {}


async def test_the_call_carries_the_actions_id_as_key_and_the_tenant_of_the_envelope(
    at: Desk, tools: FakeTools
) -> None:
    await at.turn(event(request(), tenant="beta"))
    [call] = tools.calls
    assert (call.key, call.tenant, call.arguments, call.timeout) == (
        ACTION, "beta", b'{"id":"i-1"}', timedelta(seconds=5)
    )  # fmt: skip


async def test_a_read_needs_no_intent(at: Desk) -> None:
    assert await at.turn(event(request("test.read"))) == "DONE"
    assert at.labels == ["DONE"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Invalid("no"), FailureKind.INVALID),
        (NotFound("no"), FailureKind.NOT_FOUND),
        (Refused("no"), FailureKind.REFUSED),
    ],
)
@pytest.mark.parametrize("tool", ["test.read", "test.neither"])
async def test_what_a_tool_refuses_is_told_and_not_tried_again(
    at: Desk, tools: FakeTools, tool: str, error: Any, kind: FailureKind
) -> None:
    tools.answers = [error]
    assert await at.turn(event(request(tool))) == "FAILED"
    assert (last(at).kind, last(at).message, len(tools.calls)) == (kind, "no", 1)
    assert at.holds == {}


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"tool": "test.none"}, FailureKind.NOT_FOUND, "there is no tool 'test.none'"),
        ({"arguments": {"id": 3}}, FailureKind.INVALID, "id: 3 is not of type 'string'"),
        ({"arguments": {"id": ""}}, FailureKind.INVALID, "names what is acted upon"),
        ({"arguments": {"id": "x" * 200_000}}, FailureKind.INVALID, "over 131072"),
        ({"tool": "test.forbidden"}, FailureKind.FORBIDDEN, "never"),
        ({"autonomy": Autonomy.AUTOPILOT, "undoes": "unknown"}, FailureKind.REFUSED, "no action unknown of this case"),
    ],
)
async def test_what_cannot_be_called_fails_without_a_call(
    at: Desk, tools: FakeTools, changes: dict[str, Any], kind: FailureKind, says: str
) -> None:
    assert await at.turn(event(request(**changes))) == "FAILED"
    assert last(at).kind is kind
    assert says in last(at).message
    assert tools.calls == []


async def test_the_same_request_under_another_event_id_is_answered_as_before_and_not_done_again(
    at: Desk, tools: FakeTools
) -> None:
    await at.turn(event(request()))
    await at.turn(event(request(), id="asked-again"))
    assert len(tools.calls) == 1
    assert at.events[0].id == at.events[1].id
    assert at.events[0].data == at.events[1].data


async def test_the_same_action_with_other_parameters_is_refused_and_changes_nothing(at: Desk, tools: FakeTools) -> None:
    await at.turn(event(request()))
    other = event(request(arguments={"id": "i-2"}))
    with pytest.raises(Refused, match="with other parameters"):
        await at.turn(other)
    assert at.give_up(other) == "DONE"
    assert len(tools.calls) == len(at.published) == 1


async def test_an_action_of_one_tenant_is_nothing_to_another(at: Desk) -> None:
    await at.turn(event(request(origins=TEXT)))
    word = grant(at.entry().digest)._replace(tenant="beta")
    with pytest.raises(NotYet):
        await at.turn(word)
    assert at.label() == "WAITING"


async def test_a_wrong_result_of_an_effect_is_done_with_a_note(at: Desk, tools: FakeTools) -> None:
    tools.answers = [b'{"done": "maybe"}']
    assert await at.turn(event(request())) == "DONE"
    assert last(at).result is None
    assert "done: 'maybe' is not of type 'boolean'" in last(at).note


async def test_a_wrong_result_of_a_read_is_a_failure(at: Desk, tools: FakeTools) -> None:
    tools.answers = [b'{"done": "maybe"}']
    assert await at.turn(event(request("test.read"))) == "FAILED"
    assert last(at).kind is FailureKind.INVALID


@pytest.mark.parametrize(("tool", "state"), [("test.read", "FAILED"), ("test.neither", "DONE")])
async def test_an_answer_beyond_the_limit_says_that_an_effect_was_done(
    at: Desk, tools: FakeTools, tool: str, state: str
) -> None:
    tools.answers = [TooLarge("20 MB")]
    assert await at.turn(event(request(tool))) == state
    assert "20 MB" in (last(at).message if state == "FAILED" else last(at).note)


async def test_a_large_result_travels_by_reference(at: Desk, tools: FakeTools, tmp_path: Path) -> None:
    content = DONE + b" " * 70_000
    tools.answers = [content]
    await at.turn(event(request("test.read")))
    assert last(at).result is None
    assert last(at).result_artifact is not None
    assert await ArtifactStore(tmp_path).get(TENANT, last(at).result_artifact) == content


@pytest.mark.parametrize("tool", ["test.read", "test.dedupes", "test.lookup", "test.neither"])
async def test_a_call_that_did_nothing_is_made_again(at: Desk, tools: FakeTools, tool: str) -> None:
    tools.answers = [Transient("busy"), Transient("busy"), DONE]
    assert await at.until_over(event(request(tool))) == "DONE"
    assert len(tools.calls) == 3


async def test_between_two_calls_that_did_nothing_the_resource_is_free(at: Desk, tools: FakeTools) -> None:
    tools.answers = [Transient("busy")]
    with pytest.raises(NotYet):
        await at.turn(event(request()))
    assert at.holds == {}
    assert at.label() == "APPROVED"


@pytest.mark.parametrize("tool", ["test.read", "test.dedupes", "test.lookup", "test.neither"])
async def test_a_call_that_never_does_anything_ends_within_the_bound(at: Desk, tools: FakeTools, tool: str) -> None:
    tools.answers = [Transient("tool server is down")] * 100
    assert await at.until_over(event(request(tool)), pause=30) == "FAILED"
    assert last(at).kind is FailureKind.UNAVAILABLE
    assert "tool server is down" in last(at).message
    assert 4 <= len(tools.calls) <= 8
    assert at.holds == {}


async def test_a_read_without_an_answer_bears_repeating(at: Desk, tools: FakeTools) -> None:
    tools.answers = [Unknown("deadline"), DONE]
    assert await at.until_over(event(request("test.read"))) == "DONE"
    assert len(tools.calls) == 2


async def test_a_delayed_action_is_not_called_before_its_time(at: Desk, tools: FakeTools) -> None:
    delayed = event(request("test.read", delay=5))
    with pytest.raises(NotYet) as wait:
        await at.turn(delayed)
    assert wait.value.seconds == pytest.approx(5)
    assert tools.calls == []
    at.pass_time(5)
    assert await at.turn(delayed) == "DONE"
