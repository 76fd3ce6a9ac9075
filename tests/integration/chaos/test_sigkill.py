"""Every service is killed under load, at random moments: all tickets end, none twice."""

import asyncio
import random
import signal
from pathlib import Path

import pytest

from aivis.cli.embedded import SERVICES
from tests.integration.chaos.chaos import whole_stack

TICKETS = ("T-101", "T-103", "T-105", "T-107", "T-110", "T-119", "T-128", "T-130", "T-131")


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_every_service_killed_once_under_load_and_all_tickets_end_none_twice(tmp_path: Path) -> None:
    dice = random.Random(20)
    victims = [*SERVICES, "tools"]
    dice.shuffle(victims)
    async with whole_stack(tmp_path) as stack:
        await asyncio.gather(stack.set_up(TICKETS), stack.until_ready())
        waiting = list(stack.staged)
        dice.shuffle(waiting)
        for victim in victims:
            await stack.hand_in([waiting.pop() for _ in range(min(len(waiting), 1 + (len(waiting) > len(victims))))])
            await stack.until_something_moves()
            await asyncio.sleep(dice.uniform(0, 0.4))
            await stack.kill(victim)
        await stack.hand_in(waiting)
        await stack.until_ended(seconds=70)
        assert sorted(kill.name for kill in stack.kills) == sorted(victims)
        for kill in stack.kills:
            assert kill.status == -signal.SIGKILL, kill
            assert kill.successor != kill.pid, kill
            assert kill.open > 0, f"nothing was under way: {kill}"
        await asyncio.sleep(3)  # whatever would come twice has had its time
        stack.check()
