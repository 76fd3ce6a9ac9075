"""The edge of the executor: keys, giving up, a catalogue that is not there yet."""

from datetime import timedelta
from pathlib import Path

import pytest

from aivis.errors import Invalid, Transient
from aivis.events.actions import (
    ActionRequested,
    ActionUnsettled,
    FailureKind,
)
from aivis.events.envelope import Head
from aivis.mailbox.turn import NotYet
from aivis.mailbox.values import Key
from services.executor.acting import Bounds
from services.executor.consumer import action_key_of
from tests.unit.services.executor.making import (
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
