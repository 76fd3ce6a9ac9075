"""A tool that hangs for one tenant slows neither other tools nor other tenants; every call of a read counts."""

import time
from pathlib import Path

import pytest

from aivis.events.actions import ActionFailed, ActionFinished, FailureKind
from aivis.events.envelope import Event
from tests.integration.services.executor.at_work import AtWork, asked, at_work
from tests.integration.services.executor.bench import Bench, serving
from tests.integration.services.executor.test_tool_servers import bench, until

__all__ = ["bench"]


def of(tenant: str, event: Event) -> Event:
    return event._replace(tenant=tenant)


async def seconds_of(executor: AtWork, *events: Event) -> float:
    """How long the actions take, side by side."""
    start = time.monotonic()
    await executor.deliver(*events)
    assert all(isinstance(each, ActionFinished) for each in await executor.outcomes(events))
    return time.monotonic() - start


async def test_a_tool_that_hangs_for_a_tenant_slows_neither_its_other_tools_nor_another_tenant(
    bench: Bench, tmp_path: Path
) -> None:
    hanging = [asked("bench.held_read", f"hangs-{n}") for n in range(120)]
    async with serving(bench) as address, at_work(tmp_path, address, in_flight=80, tool_calls=20) as executor:
        alone = await seconds_of(executor, *[asked("bench.read", f"alone-{n}") for n in range(40)])
        await executor.deliver(*hanging)
        await until(lambda: bench.inside["bench.held_read"] == 15)
        beside = await seconds_of(executor, *[asked("bench.read", f"beside-{n}") for n in range(40)])
        other = await seconds_of(executor, *[of("globex", asked("bench.read", f"other-{n}")) for n in range(40)])
        assert bench.inside["bench.held_read"] == 15
        assert max(beside, other) < 3 * alone + 1
        same = of("globex", asked("bench.held_read", "their-own"))
        await executor.deliver(same)
        await until(lambda: bench.inside["bench.held_read"] == 16)
        bench.gate.set()
        assert all(isinstance(each, ActionFinished) for each in await executor.outcomes([*hanging, same], seconds=40))
    assert set(bench.calls.values()) == {1}


async def test_what_waits_for_a_crowded_tool_gives_up_in_time_and_says_why(bench: Bench, tmp_path: Path) -> None:
    calls = [asked("bench.held_read", f"hangs-{n}") for n in range(2)]
    async with serving(bench) as address, at_work(tmp_path, address, tool_calls=1, busy_seconds=1) as executor:
        await executor.deliver(*calls)
        await until(lambda: any(isinstance(data, ActionFailed) for data in executor.told()))
        (late,) = executor.told()
        assert late.kind is FailureKind.UNAVAILABLE
        assert "as many calls of bench.held_read are under way as may be at once; waited" in late.message
        bench.gate.set()


@pytest.mark.parametrize("refusals", [0, 2])
async def test_how_often_the_tool_was_called_is_told(bench: Bench, tmp_path: Path, refusals: int) -> None:
    bench.refusals = ["proven"] * refusals
    action = asked("bench.read", "counted")
    async with serving(bench) as address, at_work(tmp_path, address) as executor:
        await executor.deliver(action)
        done = await executor.outcome(action)
    assert isinstance(done, ActionFinished)
    assert done.calls == refusals + 1 == bench.calls[action.id]
