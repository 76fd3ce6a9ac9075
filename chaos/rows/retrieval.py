"""The retriever: down, slow, and with nothing in its index."""

import asyncio
import signal
from pathlib import Path

from chaos.load import Load
from chaos.playing import under_load
from chaos.rows.row import Landed, Row
from chaos.stack import Stack

_SECONDS = 8.0
_STANDS, _RUNS = 0.45, 0.05
"""Of every half second, so that it takes ten times as long."""


async def strike(stack: Stack, load: Load) -> Landed:
    """One after the other, each for a while."""
    await stack.kill("retriever")
    await asyncio.sleep(_SECONDS)
    await stack.start("retriever")
    process, until = stack.process("retriever"), asyncio.get_running_loop().time() + _SECONDS
    while asyncio.get_running_loop().time() < until:
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(_STANDS)
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(_RUNS)
    await stack.kill("retriever")
    await stack.start("retriever", variables=_nothing(stack.folder / "nothing"))
    await asyncio.sleep(_SECONDS)
    await stack.kill("retriever")
    await stack.start("retriever")
    return Landed([f"{how} for {_SECONDS:g} s" for how in ("down", "slow", "empty")])


def _nothing(folder: Path) -> dict[str, str]:
    """An index of its own, and a domain without a page."""
    (folder / "domain").mkdir(parents=True)
    return {"AIVIS_DOMAIN": str(folder / "domain"), "AIVIS_RETRIEVER_INDEX": str(folder / "index.db")}


ROW = Row("retriever", "the retriever is down, slow, empty", under_load(strike))
