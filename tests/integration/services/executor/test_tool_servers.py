"""The executor against real gRPC tool servers that are slow, down, lying, or answer too much."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from aivis.artifacts import ArtifactStore
from aivis.errors import Transient
from aivis.events.actions import ActionFailed, ActionFinished, ActionUnsettled, FailureKind
from aivis.v1 import tools_pb2 as pb
from services.executor.ports import Call, Undone
from services.executor.providers.grpc import GrpcTools
from services.executor.stops import Freeze
from tests.integration.services.broker import free_port
from tests.integration.services.executor.at_work import TENANT, asked, at_work
from tests.integration.services.executor.bench import Bench, serving, tools


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def until(holds: Any, *, seconds: float = 10) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, f"not in {seconds} s"
        await asyncio.sleep(0.01)


async def test_a_fast_action_passes_within_a_second_while_five_hundred_slow_ones_are_in_flight(
    bench: Bench, tmp_path: Path
) -> None:
    slow = [asked("bench.held_read", f"slow-{number}") for number in range(500)]
    async with serving(bench) as address, at_work(tmp_path, address) as executor:
        await executor.deliver(*slow)
        await until(lambda: bench.inside["bench.held_read"] == 500, seconds=20)
        fast = asked("bench.read", "fast")
        start = time.monotonic()
        await executor.deliver(fast)
        assert isinstance(await executor.outcome(fast), ActionFinished)
        assert time.monotonic() - start < 1
        assert bench.inside["bench.held_read"] == 500
        bench.gate.set()
        assert all(isinstance(each, ActionFinished) for each in await executor.outcomes(slow))
    assert set(bench.calls.values()) == {1}


async def test_two_effects_on_one_resource_never_run_at_once(bench: Bench, tmp_path: Path) -> None:
    one, two = (asked("bench.dedupes", name, resource="i-1") for name in ("one", "two"))
    elsewhere = asked("bench.dedupes", "elsewhere", resource="i-2")
    async with serving(bench) as address, at_work(tmp_path, address) as executor:
        await executor.deliver(one, two, elsewhere)
        await until(lambda: bench.inside["bench.dedupes"] == 2)
        await asyncio.sleep(1)
        assert bench.inside["bench.dedupes i-1"] == bench.inside["bench.dedupes i-2"] == 1
        bench.gate.set()
        assert all(isinstance(each, ActionFinished) for each in await executor.outcomes([one, two, elsewhere]))
    assert bench.most["bench.dedupes i-1"] == 1
    assert len(bench.effects) == 3


async def test_a_server_that_is_down_is_named_and_the_others_go_on(bench: Bench, tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    async with serving(bench) as address, at_work(tmp_path, nobody, address, retry_seconds=1) as executor:
        read, unknown = asked("bench.read", "read"), asked("gone.tool", "unknown")
        await executor.deliver(read, unknown)
        assert isinstance(await executor.outcome(read), ActionFinished)
        failed = await executor.outcome(unknown)
        assert failed.kind is FailureKind.UNAVAILABLE
        assert nobody in failed.message
        checks = executor.service.checks
        await checks[f"tool server at {address}"]()
        with pytest.raises(Transient, match=nobody):
            await checks[f"tool server at {nobody}"]()


async def test_an_action_survives_its_servers_absence(bench: Bench, tmp_path: Path) -> None:
    port = free_port()
    bench.gate.set()
    effect = asked("bench.neither", "effect")
    async with at_work(tmp_path, f"127.0.0.1:{port}") as executor:
        await executor.deliver(effect)
        await asyncio.sleep(1)
        async with serving(bench, port):
            assert isinstance(await executor.outcome(effect), ActionFinished)
    assert list(bench.effects.values()) == [1]


async def test_a_read_without_an_answer_in_time_fails_with_the_reason(bench: Bench, tmp_path: Path) -> None:
    late = asked("bench.late", "late")
    async with serving(bench) as address, at_work(tmp_path, address, retry_seconds=1) as executor:
        await executor.deliver(late)
        failed = await executor.outcome(late)
    assert (failed.kind, "DEADLINE_EXCEEDED" in failed.message) == (FailureKind.UNAVAILABLE, True)
    assert bench.calls[late.id] > 1


async def test_a_result_of_ten_megabytes_arrives_by_reference_and_a_larger_one_fails_clearly(
    bench: Bench, tmp_path: Path
) -> None:
    large, too_large = asked("bench.read", "large", size=10_000_000), asked("bench.read", "vast", size=20_000_000)
    async with serving(bench) as address, at_work(tmp_path, address) as executor:
        await executor.deliver(large, too_large)
        finished, failed = await executor.outcomes([large, too_large])
    assert finished.result is None
    content = await ArtifactStore(tmp_path / "artifacts").get(TENANT, finished.result_artifact)
    assert len(content) == 10_000_000 + len('{"text":""}')
    assert (failed.kind, "larger than 16777216 bytes" in failed.message) == (FailureKind.INVALID, True)
    assert bench.calls[too_large.id] == 1


async def test_a_server_that_lies_about_its_schema_is_reported_and_its_first_declaration_counts(
    bench: Bench, tmp_path: Path
) -> None:
    async with serving(bench) as address, at_work(tmp_path, address, refresh_seconds=0.2) as executor:
        first = asked("bench.read", "first")
        await executor.deliver(first)
        await executor.outcome(first)
        lie = next(tool for tool in tools() if tool.name == "bench.read")
        lie.result_schema = '{"type": "object"}'
        bench.declared = [lie if tool.name == lie.name else tool for tool in tools()]
        routes = {route.path: route for route in executor.service.routes}  # type: ignore[attr-defined]
        shown = await _until_reported(routes["/v1/tools"])
    assert [(each["tool"], "result_schema changed" in each["says"]) for each in shown] == [("bench.read", True)]


async def _until_reported(route: Any) -> list[dict[str, str]]:
    import httpx
    from starlette.applications import Starlette

    transport = httpx.ASGITransport(Starlette(routes=[route]), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        for _ in range(200):
            problems: list[dict[str, str]] = (await http.get("/v1/tools")).json()["problems"]
            if problems:
                return problems
            await asyncio.sleep(0.02)
    return []


async def test_an_effect_with_a_wrong_result_is_done_and_says_so(bench: Bench, tmp_path: Path) -> None:
    bench.gate.set()
    wrong = asked("bench.wrong", "wrong")
    async with serving(bench) as address, at_work(tmp_path, address) as executor:
        await executor.deliver(wrong)
        finished = await executor.outcome(wrong)
    assert isinstance(finished, ActionFinished)
    assert "text: 3 is not of type 'string'" in finished.note
    assert bench.calls[wrong.id] == 1


async def test_unavailable_means_that_nothing_was_done_only_when_the_server_says_so_itself(
    bench: Bench, tmp_path: Path
) -> None:
    bench.gate.set()
    async with serving(bench) as address, at_work(tmp_path, address) as executor:
        proven = asked("bench.neither", "proven")
        bench.refusals = ["proven", "proven"]
        await executor.deliver(proven)
        assert isinstance(await executor.outcome(proven), ActionFinished)
        assert bench.calls[proven.id] == 3
        unproven = asked("bench.neither", "unproven")
        bench.refusals = ["unavailable"]
        await executor.deliver(unproven)
        assert isinstance(await executor.outcome(unproven), ActionUnsettled)
        assert bench.calls[unproven.id] == 1


def swapped(address: str) -> float:
    return REGISTRY.get_sample_value("aivis_executor_swapped_answers_total", {"server": address}) or 0.0


async def test_an_answer_to_another_call_is_counted_and_taken_for_none(bench: Bench, tmp_path: Path) -> None:
    bench.gate.set()
    async with serving(bench) as address, at_work(tmp_path, address) as executor:
        dedupes, neither, read = asked("bench.dedupes", "a"), asked("bench.neither", "b"), asked("bench.read", "c")
        for action, outcome in ((dedupes, ActionFinished), (neither, ActionUnsettled), (read, ActionFinished)):
            bench.lies = ["another"]
            await executor.deliver(action)
            assert isinstance(await executor.outcome(action), outcome)
        assert swapped(address) == 3
    assert (bench.calls[dedupes.id], bench.calls[neither.id], bench.calls[read.id]) == (2, 1, 2)
    assert bench.effects[dedupes.id] == bench.effects[neither.id] == 1


async def test_a_lookup_that_answers_for_another_call_settles_nothing(bench: Bench, tmp_path: Path) -> None:
    bench.gate.set()
    async with serving(bench) as address, at_work(tmp_path, address) as executor:
        effect = asked("bench.lookup", "effect")
        bench.lies = ["another", "another"]
        await executor.deliver(effect)
        assert isinstance(await executor.outcome(effect), ActionFinished)
        assert swapped(address) == 2
    assert bench.effects[effect.id] == bench.calls[effect.id] == 1


async def test_a_server_that_names_no_key_is_taken_at_its_word(bench: Bench, tmp_path: Path) -> None:
    bench.gate.set()
    async with serving(bench) as address, at_work(tmp_path, address) as executor:
        bench.lies = [""]
        effect = asked("bench.neither", "effect")
        await executor.deliver(effect)
        assert isinstance(await executor.outcome(effect), ActionFinished)


async def test_a_freeze_is_waited_for_when_it_is_short_and_fails_what_would_wait_longer(
    bench: Bench, tmp_path: Path
) -> None:
    bench.gate.set()
    async with serving(bench) as address, at_work(tmp_path, address, freeze_seconds=60) as executor:
        assert executor.service.mailbox is not None
        ends = datetime.now(UTC) + timedelta(seconds=1.5)
        freeze = Freeze(ends=ends, reason="a release goes out")
        await executor.service.mailbox.store.hold_for(freeze.window)
        waits = asked("bench.neither", "waits")
        read = asked("bench.read", "read")
        await executor.deliver(waits, read)
        assert isinstance(await executor.outcome(read), ActionFinished)
        assert bench.calls[waits.id] == 0
        assert isinstance(await executor.outcome(waits), ActionFinished)
        assert datetime.now(UTC) >= ends
        longer = Freeze(ends=ends + timedelta(hours=1), reason="the quarter is closed", tool="bench.neither")
        await executor.service.mailbox.store.hold_for(longer.window)
        fails = asked("bench.neither", "fails")
        await executor.deliver(fails)
        failed = await executor.outcome(fails)
    assert (failed.kind, "the quarter is closed" in failed.message) == (FailureKind.FORBIDDEN, True)
    assert (bench.calls[waits.id], bench.calls[fails.id]) == (1, 0)


async def test_a_server_that_ends_under_a_call_leaves_it_in_doubt(bench: Bench, tmp_path: Path) -> None:
    torn = asked("bench.neither", "torn")
    async with at_work(tmp_path, f"127.0.0.1:{(port := free_port())}") as executor:
        async with serving(bench, port):
            await executor.deliver(torn)
            await until(lambda: bench.inside["bench.neither"] == 1)
            bench.gate.clear()
            bench.gate.set = lambda: None  # type: ignore[method-assign]
        unsettled = await executor.outcome(torn)
    assert isinstance(unsettled, ActionUnsettled)
    assert list(bench.effects.values()) == [1]


async def test_an_ill_declared_tool_is_refused_and_cannot_be_called(bench: Bench, tmp_path: Path) -> None:
    bench.declared.append(pb.Tool(name="bench.undeclared", description="Does anything.", version="1"))
    undeclared = asked("bench.undeclared", "undeclared")
    async with serving(bench) as address, at_work(tmp_path, address) as executor:
        await executor.deliver(undeclared)
        failed = await executor.outcome(undeclared)
    assert isinstance(failed, ActionFailed)
    assert failed.kind is FailureKind.NOT_FOUND
    assert "the risk is not declared" in failed.message
    assert bench.calls == {}


async def test_the_address_of_a_server_is_told_in_its_errors() -> None:
    provider = GrpcTools(f"127.0.0.1:{free_port()}")
    with pytest.raises(Transient, match=f"tool server at {provider.address}: no connection"):
        await provider.check()
    await provider.close()


async def test_a_call_whose_time_was_over_before_it_was_sent_is_not_sent(bench: Bench) -> None:
    """So a process that stood still changes nothing once others have settled what it began."""
    bench.gate.set()
    async with serving(bench) as address:
        server = GrpcTools(address)
        asked_for = Call("bench.dedupes", b'{"id": "i-1", "size": 1}', "k1", TENANT, "c1", timedelta(seconds=5))
        late = replace(asked_for, by=time.monotonic())
        with pytest.raises(Transient, match=r"bench\.dedupes.*nothing was done"):
            await server.call(late)
        with pytest.raises(Transient, match="nothing was done"):
            await server.undo(late, Undone("k0", b"{}"))
        assert not bench.calls
        await server.call(replace(late, by=time.monotonic() + 5))
        assert sum(bench.calls.values()) == 1
        await server.close()
