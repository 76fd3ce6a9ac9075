"""Playing a row: load, faults, rest, judgement."""

import asyncio
import time
from pathlib import Path

from chaos.chores import Chores
from chaos.judge import judge
from chaos.load import Load
from chaos.rows.row import Result, Row
from chaos.stack import embedded
from chaos.tape import listening

_WARM_UP_SECONDS = 3.0
_SETTLE_SECONDS = 3.0
"""After rest, so that whatever would come twice has had its time."""


async def play(row: Row, folder: Path, *, seed: int) -> Result:
    """Play `row` on a fresh stack in `folder`."""
    start = time.monotonic()
    async with embedded(folder) as stack, listening(stack.run.kafka) as tape:
        load, stop = Load(stack, seed=seed, rate=row.rate), asyncio.Event()
        loading = asyncio.gather(load.until(stop), Chores(stack, seed=seed).until(stop))
        await asyncio.sleep(_WARM_UP_SECONDS)
        landed = await row.strike(stack, load)
        running = not loading.done()
        stop.set()
        await loading
        await stack.until_ready()
        verdict = await judge(stack, load.handed, tape.heard, seconds=row.converge_seconds)
        await asyncio.sleep(_SETTLE_SECONDS)
        again = await judge(stack, load.handed, tape.heard, seconds=0)
        again.seconds = verdict.seconds
        return Result(row, landed, running, again, time.monotonic() - start)
