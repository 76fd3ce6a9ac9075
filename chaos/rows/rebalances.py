"""Rebalance storm: second processes of the services come and go, so that partitions move all the time."""

import asyncio
import random
import signal

from chaos.load import Load
from chaos.playing import under_load
from chaos.rows.row import BOTH, Landed, Row
from chaos.stack import Stack

_NAMES = ("gateway", "planner", "reasoner", "executor", "escalation")
_ROUNDS = 4
_STAY_SECONDS = 2.0


async def strike(stack: Stack, load: Load) -> Landed:
    """All services at once: a second process joins, takes partitions, and leaves by SIGTERM or SIGKILL."""
    landed, dice = Landed(), random.Random(load.seed)
    await asyncio.gather(*(_come_and_go(stack, name, random.Random(dice.random()), landed) for name in _NAMES))
    return landed


async def _come_and_go(stack: Stack, name: str, dice: random.Random, landed: Landed) -> None:
    for _ in range(_ROUNDS):
        other = await stack.start_another(name)
        await asyncio.sleep(dice.uniform(0.5, 1) * _STAY_SECONDS)
        how = dice.choice((signal.SIGTERM, signal.SIGKILL))
        process = stack.process(other)
        process.send_signal(how)
        await process.wait()
        landed.faults.append(f"{name}: a second process joined and went by {how.name}")


ROW = Row("rebalances", "second processes join and leave, kindly and not", under_load(strike), BOTH)
