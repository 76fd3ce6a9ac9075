"""Faults under load: load, faults, rest, judgement."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from chaos.chores import Chores
from chaos.judge import judge
from chaos.load import Load
from chaos.rows.row import Landed, Outcome, Play
from chaos.stack import Opening, Stack
from chaos.tape import listening

Strike = Callable[[Stack, Load], Awaitable[Landed]]
"""Lands the faults; returns when the last has landed."""
_RATE = 3.0
"""Tickets a second."""
_WARM_UP_SECONDS = 3.0
_SETTLE_SECONDS = 3.0
"""After rest, so that whatever would come twice has had its time."""
_CONVERGE_SECONDS = 90


def under_load(strike: Strike) -> Play:
    """Play `strike` on a fresh stack while tickets come in, then wait for rest and judge."""

    async def play(folder: Path, seed: int, opening: Opening) -> Outcome:
        async with opening(folder) as stack, listening(stack.run.kafka) as tape:
            load, stop = Load(stack, seed=seed, rate=_RATE), asyncio.Event()
            loading = asyncio.gather(load.until(stop), Chores(stack, seed=seed).until(stop))
            await asyncio.sleep(_WARM_UP_SECONDS)
            landed = await strike(stack, load)
            running = not loading.done()
            stop.set()
            await loading
            await stack.until_ready()
            first = await judge(stack, load.handed, tape.heard, seconds=_CONVERGE_SECONDS)
            await asyncio.sleep(_SETTLE_SECONDS)
            verdict = await judge(stack, load.handed, tape.heard, seconds=0)
            verdict.seconds = first.seconds
            verdict.wrong += landed.wrong
            return Outcome(landed, running, verdict)

    return play
