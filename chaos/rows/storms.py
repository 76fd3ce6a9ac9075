"""Everything at once, from a seed: kills, processes that hang, answers that are lost, overlapping."""

import asyncio
import random
import signal

from aivis.cli.embedded import SERVICES
from chaos.load import Load
from chaos.playing import under_load
from chaos.rows import kills
from chaos.rows.row import BOTH, Landed, Row
from chaos.stack import TOOLS, Stack

_STRIKES = 24
_HANGING_SECONDS = 4.0
_LANES = 3
"""Processes that something happens to at the same time."""


async def strike(stack: Stack, load: Load) -> Landed:
    """Several lanes of random faults, each on processes of its own."""
    dice, landed = random.Random(load.seed), Landed()
    names = [*SERVICES, TOOLS]
    dice.shuffle(names)
    lanes = [names[place::_LANES] for place in range(_LANES)]
    await asyncio.gather(*(_lane(stack, lane, random.Random(dice.random()), landed) for lane in lanes))
    return landed


async def _lane(stack: Stack, names: list[str], dice: random.Random, landed: Landed) -> None:
    for _ in range(_STRIKES // _LANES):
        name = dice.choice(names)
        await dice.choice((_killed, _hanging, _killed_at_a_point))(stack, name, dice, landed)
        await asyncio.sleep(dice.uniform(0, 2))


async def _killed(stack: Stack, name: str, dice: random.Random, landed: Landed) -> None:
    await stack.kill(name)
    await asyncio.sleep(dice.uniform(0, 1))
    await stack.start(name)
    landed.faults.append(f"{name}: killed")


async def _hanging(stack: Stack, name: str, dice: random.Random, landed: Landed) -> None:
    """Longer than its session on the bus lasts."""
    process = stack.process(name)
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(dice.uniform(0.5, 1) * _HANGING_SECONDS)
    process.send_signal(signal.SIGCONT)
    landed.faults.append(f"{name}: hung")


async def _killed_at_a_point(stack: Stack, name: str, dice: random.Random, landed: Landed) -> None:
    point = dice.choice(kills.targets(name))
    await stack.kill(name)
    await stack.start(name, failpoints=f"{point}=kill@{dice.randint(1, 3)}")
    if await kills.died(stack, name, point, seconds=5):
        landed.faults.append(f"{name}: killed at {point}")
    else:
        await stack.kill(name)
    await stack.start(name)


ROW = Row("storm", "overlapping kills, hangs and kills at failpoints, from the seed", under_load(strike), BOTH)
