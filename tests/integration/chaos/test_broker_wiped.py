"""The broker dies and forgets everything: what was on its way is asked for again."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.integration.chaos.chaos import whole_stack

TICKETS = ("T-101", "T-103", "T-107", "T-110", "T-119", "T-128")


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_the_broker_starts_again_empty_under_load_and_all_tickets_end_none_twice(tmp_path: Path) -> None:
    async with whole_stack(tmp_path) as stack:
        await asyncio.gather(stack.set_up(TICKETS), stack.until_ready())
        await stack.hand_in(stack.staged)
        await asyncio.sleep(0.4)
        await stack.kill("broker")
        await stack.until_ended(seconds=70)
        [kill] = stack.kills
        assert kill.status == -signal.SIGKILL
        assert kill.successor != kill.pid
        assert kill.open > 0, f"nothing was under way: {kill}"
        stack.check()
