"""All ordered pairs of crashes of the executor, in one process: pairs are many, and a process takes long to start."""

import asyncio
from pathlib import Path

from aivis import failpoints
from chaos import pairs
from chaos.judge import Verdict
from chaos.rack.lamps import MENDS, Log
from chaos.rack.server import declared, serving
from chaos.rows.row import Landed, Outcome, Row
from chaos.stack import Opening

_TIMEOUT, _SETTLING = 0.3, 0.05
"""Seconds, of the rack's tools: what is in doubt is to be settled soon."""


async def play(folder: Path, seed: int, opening: Opening | None = None, *, most: int | None = None) -> Outcome:
    """At most so many pairs, in an order from the seed; all when None."""
    landed, verdict, log = Landed(), Verdict(), Log(folder / "acts.jsonl")
    asyncio.get_running_loop().set_exception_handler(_unheard)
    async with serving("127.0.0.1:0", log, declared(_TIMEOUT, _SETTLING)) as rack:
        with failpoints.recorded() as reached:
            verdict.wrong += await pairs.play(folder / "none", rack, log, [])
        for number, crashes in enumerate(pairs.pairs(reached, seed=seed, most=most)):
            faults = await pairs.play(folder / str(number), rack, log, crashes)
            verdict.wrong += [f"{' then '.join(crashes)}: {fault}" for fault in faults]
            verdict.tickets += len(MENDS)
            landed.faults.append(" then ".join(crashes))
    return Outcome(landed, running=True, verdict=verdict)


def _unheard(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What is left of a process that crashed has nobody to tell it to."""
    if not isinstance(context.get("exception"), failpoints.Crashed):
        loop.default_exception_handler(context)


ROW = Row("crash-pairs", "the executor crashes at one failpoint, and its successor at another: all pairs", play)
