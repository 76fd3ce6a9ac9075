"""Out of memory: a service gets no more than it has, in the middle of its work, and dies of it or does not."""

import asyncio
import resource
from pathlib import Path

from chaos.load import Load
from chaos.playing import under_load
from chaos.rack.lamps import Mood
from chaos.rows.row import Landed, Row
from chaos.stack import Stack

_NAMES = ("gateway", "planner", "reasoner", "retriever", "escalation")
"""The executor is left out: it makes do with the pages that it has, and nothing would land."""
_SECONDS = 6.0
_SHORT = ("MemoryError", "Cannot allocate memory", "out of memory", "can't start new thread", "bad_alloc", "ENOMEM")


async def strike(stack: Stack, load: Load) -> Landed:
    """One service after the other is refused every further page, while tools answer much."""
    landed, load.moods = Landed(), (Mood.KIND, Mood.HUGE)
    for name in _NAMES:
        log = stack.children.logs / f"{name}.log"
        before, process = log.stat().st_size, stack.process(name)
        least = _used(process.pid)
        resource.prlimit(process.pid, resource.RLIMIT_AS, (least, least))
        try:
            await asyncio.wait_for(process.wait(), _SECONDS)
        except TimeoutError:
            await stack.kill(name)
        said = log.read_bytes()[before:].decode(errors="replace")
        died = "died" if process.returncode not in {None, -9} else "was hindered"
        short = any(word in said for word in _SHORT) or died == "died"
        (landed.faults if short else landed.missing).append(f"{name}: {died} for want of memory")
        await stack.start(name)
    load.moods = (Mood.KIND,)
    return landed


def _used(pid: int) -> int:
    """Bytes of its address space."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    return pages * resource.getpagesize()


ROW = Row("memory", "services are refused further memory, one after another", under_load(strike))
