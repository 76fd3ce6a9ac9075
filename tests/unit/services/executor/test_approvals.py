"""Actions that wait for an expert, are stopped, or find their resource busy."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aivis.errors import Refused
from aivis.events.actions import (
    ApprovalRequested,
    Autonomy,
    FailureKind,
)
from aivis.events.escalations import CaseEscalated
from aivis.mailbox.turn import NotYet, Pause
from services.executor.intake import take_in
from services.executor.ledger import Approval, Entry
from services.executor.stops import Stop
from tests.unit.services.executor.making import (
    TENANT,
    TEXT,
    Desk,
    FakeTools,
    denial,
    desk,
    event,
    grant,
    last,
    request,
    timer,
)


async def ask_for_approval(at: Desk, tool: str = "test.dedupes") -> ApprovalRequested:
    assert await at.turn(event(request(tool, origins=TEXT))) == "WAITING"
    assert isinstance(last(at), ApprovalRequested)
    asked: ApprovalRequested = last(at)
    return asked


async def test_what_needs_an_experts_word_waits_with_full_parameters_and_the_reason(at: Desk, tools: FakeTools) -> None:
    asked = await ask_for_approval(at)
    assert (asked.arguments, asked.risk, asked.reason) == (
        {"id": "i-1"},
        "reversible",
        "an argument comes from free text",
    )
    assert asked.digest == at.entry().digest
    assert asked.expires_at == at.now + timedelta(hours=8)
    assert tools.calls == []
    assert at.holds == {}


@pytest.mark.parametrize("tool", ["test.dedupes", "test.neither"])
async def test_an_approved_effect_is_done_once(at: Desk, tools: FakeTools, tool: str) -> None:
    asked = await ask_for_approval(at, tool)
    assert await at.turn(grant(asked.digest)) == "DONE"
    assert len(tools.calls) == 1
    assert at.timers == {}


async def test_a_reused_approval_does_nothing(at: Desk, tools: FakeTools) -> None:
    asked = await ask_for_approval(at)
    await at.turn(grant(asked.digest))
    again = grant(asked.digest, id="another-event")
    with pytest.raises(Refused, match="each counts once"):
        await at.turn(again)
    assert at.give_up(again) == "DONE"
    assert len(tools.calls) == 1


async def test_an_approval_for_other_parameters_is_refused_and_the_action_waits_on(at: Desk, tools: FakeTools) -> None:
    await ask_for_approval(at)
    word = grant("0" * 64)
    with pytest.raises(Refused, match="for other parameters"):
        await at.turn(word)
    assert at.give_up(word) == "WAITING"
    assert isinstance(last(at), CaseEscalated), "the experts believe that they had their say"
    assert tools.calls == []


async def test_an_approval_that_has_expired_is_refused(at: Desk, tools: FakeTools) -> None:
    asked = await ask_for_approval(at)
    at.pass_time(60)
    with pytest.raises(Refused, match="expired"):
        await at.turn(grant(asked.digest, expires_at=at.now))
    assert tools.calls == []


async def test_an_approval_that_nobody_gives_expires_closed(at: Desk, tools: FakeTools) -> None:
    asked = await ask_for_approval(at)
    at.pass_time(8 * 3600)
    assert await at.turn(timer("approval")) == "FAILED"
    assert last(at).kind is FailureKind.FORBIDDEN
    with pytest.raises(Refused):
        await at.turn(grant(asked.digest))
    assert tools.calls == []


async def test_an_approval_that_expires_while_the_resource_is_busy_does_not_count(at: Desk, tools: FakeTools) -> None:
    asked = await ask_for_approval(at)
    at.holds[TENANT, "resource:i-1"] = "another action"
    word = grant(asked.digest, expires_at=at.now + timedelta(seconds=10))
    assert await at.until_over(word, pause=3) == "FAILED"
    assert "approval expired" in last(at).message
    assert tools.calls == []


async def test_a_denial_ends_the_action(at: Desk, tools: FakeTools) -> None:
    asked = await ask_for_approval(at)
    assert await at.turn(denial(asked.digest)) == "FAILED"
    assert (last(at).kind, last(at).message) == (FailureKind.FORBIDDEN, "denied by eva: too risky")


async def test_a_late_approval_is_asked_for_again(at: Desk) -> None:
    await ask_for_approval(at)
    at.pass_time(300)
    assert await at.turn(timer("approval")) == "WAITING"
    first, second = at.events
    assert (first.id, first.data) == (second.id, second.data)
    assert second.reasked
    assert at.timers["approval"] == timedelta(minutes=5)


async def test_an_approval_that_overtakes_its_action_is_kept(at: Desk, tools: FakeTools) -> None:
    asked = event(request(origins=TEXT))
    with pytest.raises(NotYet, match=r"there is no action .* of tenant acme yet") as early:
        await at.turn(grant("not known yet"))
    assert not isinstance(early.value, Pause), "the mailbox bounds how long"
    assert await at.turn(asked) == "WAITING"


async def test_a_tool_that_changed_since_the_approval_was_asked_for_is_not_called(
    at: Desk, tools: FakeTools, tmp_path: Path
) -> None:
    asked = await ask_for_approval(at)
    newer = FakeTools([tool.__class__(**{**vars(tool), "version": "2"}) for tool in tools.tools])
    later = await desk(newer, tmp_path)
    later.states = at.states
    assert await later.turn(grant(asked.digest)) == "FAILED"
    assert "changed after the approval" in last(later).message
    assert newer.calls == []


async def test_the_executors_own_setting_holds_back_what_a_class_would_allow(tools: FakeTools, tmp_path: Path) -> None:
    policies = """permit (principal, action, resource);
      @reason("shadow") forbid (principal, action, resource) when { context.autonomy == "shadow" };"""
    shadow = await desk(tools, tmp_path, policies=policies, autonomy=Autonomy.SHADOW)
    assert await shadow.turn(event(request())) == "FAILED"
    open_desk = await desk(tools, tmp_path, policies=policies)
    assert await open_desk.turn(event(request(autonomy=Autonomy.SHADOW))) == "FAILED"
    assert await open_desk.turn(event(request(action="other")), action="other") == "DONE"


@pytest.mark.parametrize(
    "stop",
    [Stop(), Stop(tenant=TENANT), Stop(tool="test.dedupes"), Stop(tenant=TENANT, tool="test.dedupes")],
    ids=["all", "tenant", "tool", "tenant-tool"],
)
async def test_a_stop_keeps_effects_from_beginning_and_reads_go_on(at: Desk, tools: FakeTools, stop: Stop) -> None:
    at.holds[stop.tenant, stop.name] = "stop"
    assert await at.turn(event(request())) == "FAILED"
    assert last(at).kind is FailureKind.FORBIDDEN
    assert "stop switch" in last(at).message
    assert tools.calls == []
    assert await at.turn(event(request("test.read", action="read")), action="read") == "DONE"


@pytest.mark.parametrize("stop", [Stop(tenant="beta"), Stop(tool="test.other")])
async def test_a_stop_of_others_holds_nobody(at: Desk, stop: Stop) -> None:
    at.holds[stop.tenant, stop.name] = "stop"
    assert await at.turn(event(request())) == "DONE"


async def test_a_busy_resource_is_waited_for(at: Desk, tools: FakeTools) -> None:
    at.holds[TENANT, "resource:i-1"] = "another action"
    with pytest.raises(NotYet, match="another effect holds resource:i-1"):
        await at.turn(event(request()))
    assert tools.calls == []
    del at.holds[TENANT, "resource:i-1"]
    assert await at.turn(event(request())) == "DONE"


async def test_a_resource_that_stays_busy_ends_the_action_undone(at: Desk, tools: FakeTools) -> None:
    at.holds[TENANT, "resource:i-1"] = "another action"
    assert await at.until_over(event(request()), pause=10) == "FAILED"
    assert last(at).kind is FailureKind.UNAVAILABLE
    assert tools.calls == []
    assert at.holds == {(TENANT, "resource:i-1"): "another action"}


async def test_a_grant_that_is_seen_again_while_its_action_is_under_way_counts_as_before(at: Desk) -> None:
    asked = await ask_for_approval(at)
    at.holds[TENANT, "resource:i-1"] = "another action"
    word = grant(asked.digest)
    with pytest.raises(NotYet):
        await at.turn(word)
    assert take_in(at.entry(), [word], at.now).refused == ()
    assert len(take_in(at.entry(), [grant(asked.digest, id="another")], at.now).refused) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"tool": "test.lookup"},
        {"arguments": {"id": "i-2"}},
        {"arguments": {"id": "i-1", "force": True}},
        {"undoes": "another action"},
    ],
    ids=["tool", "target", "one-more-argument", "undoes"],
)
async def test_an_approval_is_for_the_tool_the_target_and_the_complete_parameters(
    at: Desk, tools: FakeTools, change: dict[str, Any]
) -> None:
    await ask_for_approval(at)
    other = Entry.proposed(event(request(**change)), request(**change), at.now).digest
    with pytest.raises(Refused, match="for other parameters"):
        await at.turn(grant(other))
    assert at.label() == "WAITING"
    assert tools.calls == []


@pytest.mark.parametrize("where", [{"tenant": "beta"}, {"case": "another case"}], ids=["tenant", "case"])
async def test_an_approval_is_for_one_case_of_one_tenant(at: Desk, where: dict[str, str]) -> None:
    await ask_for_approval(at)
    assert Entry.proposed(event(request(), **where), request(), at.now).digest != at.entry().digest


async def test_an_approval_is_used_up_in_the_transaction_of_intent(at: Desk, tools: FakeTools) -> None:
    """Before it the word still waits with its event; after it INTENT has it: a crash in between loses neither."""
    asked = await ask_for_approval(at)
    word = grant(asked.digest)
    tools.during = lambda: states.append((at.label(), at.entry().approval))
    states: list[tuple[str, Approval | None]] = []
    assert await at.turn(word) == "DONE"
    [(label, approval)] = states
    assert (label, approval and approval.event) == ("INTENT", word.id), "durable before the call"
    assert at.labels[-3:] == ["WAITING", "INTENT", "DONE"], "no state between the word and INTENT"
