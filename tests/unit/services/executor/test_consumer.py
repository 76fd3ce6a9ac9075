"""The edge of the executor: keys, giving up, a catalogue that is not there yet."""

from datetime import timedelta
from pathlib import Path

import pytest

from aivis.errors import Invalid, Transient
from aivis.events.actions import (
    ActionFailed,
    ActionRequested,
    ActionUnsettled,
    ApprovalGranted,
    FailureKind,
    Settlement,
)
from aivis.events.envelope import Head, Payload
from aivis.events.escalations import CaseEscalated
from aivis.mailbox.turn import NotYet
from aivis.mailbox.values import Key
from services.executor.consumer import action_key_of
from services.executor.means import Bounds
from tests.unit.services.executor.making import (
    ACTION,
    CASE,
    TENANT,
    Desk,
    FakeTools,
    crashed,
    desk,
    event,
    last,
    request,
)


async def test_what_fails_by_a_fault_of_ours_before_a_call_is_a_failure(at: Desk) -> None:
    assert at.give_up(event(request())) == "FAILED"
    assert "the executor failed over it: bug" in last(at).message


async def test_what_fails_by_a_fault_of_ours_around_a_call_is_in_doubt(at: Desk) -> None:
    crashed(at, "test.dedupes")
    assert at.give_up(event(request())) == "AMBIGUOUS"
    assert isinstance(last(at), ActionUnsettled)


def head(kind: type[Payload]) -> Head:
    return Head(id="e", type=kind.TYPE, source="test", subject=CASE, tenant=TENANT)


async def test_a_request_that_cannot_be_read_is_told_to_who_waits_for_it(at: Desk) -> None:
    at.give_up_unread(head(ActionRequested))
    assert (last(at).action, last(at).kind, last(at).message) == (ACTION, FailureKind.INVALID, "not JSON")
    assert (at.events[-1].case, at.events[-1].type) == (CASE, ActionFailed.TYPE)


@pytest.mark.parametrize("kind", [ApprovalGranted, Settlement, ActionRequested])
async def test_a_word_that_cannot_be_read_changes_no_action_under_way_and_people_hear_of_it(
    at: Desk, kind: type[Payload]
) -> None:
    crashed(at, "test.dedupes")
    before = at.entry()
    assert at.give_up_unread(head(kind)) == "INTENT"
    assert at.entry() == before
    assert isinstance(last(at), CaseEscalated)
    assert at.events[-1].case == CASE


async def test_of_a_word_on_an_action_that_is_over_nobody_need_hear(at: Desk) -> None:
    assert await at.turn(event(request())) == "DONE"
    told = len(at.published)
    assert at.give_up_unread(head(ApprovalGranted)) == "DONE"
    assert len(at.published) == told


async def test_a_catalogue_that_is_not_there_yet_is_waited_for(tools: FakeTools, tmp_path: Path) -> None:
    tools.down = Transient("starting")
    at = await desk(tools, tmp_path, bounds=Bounds(retry=timedelta(seconds=20)))
    with pytest.raises(NotYet):
        await at.turn(event(request()))
    assert await at.until_over(event(request()), pause=5) == "FAILED"
    assert last(at).kind is FailureKind.UNAVAILABLE


@pytest.mark.parametrize(
    "value", [b"{", b"[]", b"{}", b'{"action": 3}', b'{"action": ""}', b'{"action":"%s"}' % (b"x" * 201)]
)
def test_an_event_that_names_no_action_is_invalid(value: bytes) -> None:
    head = Head(id="e", type=ActionRequested.TYPE, source="test", subject="c", tenant="acme")
    with pytest.raises(Invalid):
        action_key_of(head, value)


def test_the_key_is_the_tenant_of_the_envelope_and_the_action() -> None:
    head = Head(id="e", type=ActionRequested.TYPE, source="test", subject="c", tenant="acme")
    assert action_key_of(head, b'{"tenant": "evil", "action": "a-1"}') == Key("acme", "a-1")
