"""Zombies: a process stands still at a failpoint until another has taken its place and done its work; then it wakes."""

import asyncio
import signal

import httpx

from chaos.load import FAULTS, Load
from chaos.playing import under_load
from chaos.rows.row import BOTH, Landed, Row
from chaos.stack import Stack

_BEFORE_INTENT = "ledger.intent.before"
POINTS = (
    ("executor", _BEFORE_INTENT, 2),
    ("executor", "tools.call.before", 3),
    ("executor", "store.receive.after", 3),
    ("reasoner", "store.receive.after", 3),
    ("planner", "bus.send.before", 3),
)
"""Where, and the how manieth time."""
_ONCE_ONLY = ("unplugged", "blown")
"""What the rack does twice when it is called twice: so that a zombie that gets past the fence is seen."""
_STANDING_SECONDS = 12.0
"""Longer than a call of the rack, its settling time and a session on the bus."""
_AWAKE_SECONDS = 3.0


async def strike(stack: Stack, load: Load) -> Landed:
    """One process after another."""
    landed = Landed()
    for name, point, time in POINTS:
        load.faults = _ONCE_ONLY if point == _BEFORE_INTENT else FAULTS
        await stack.kill(name)
        await stack.start(name, failpoints=f"{point}=stop@{time}")
        stood = await stand_still(stack, name, point)
        (landed.faults if stood else landed.missing).append(f"{name}: stood still at {point}")
    return landed


async def stand_still(stack: Stack, name: str, point: str, *, seconds: float = 30) -> bool:
    """Wait until `name` stands still at `point`, let another work in its place, and wake it."""
    until = asyncio.get_running_loop().time() + seconds
    while f"{name}:{point}" not in stack.landed():
        if asyncio.get_running_loop().time() > until:
            return False
        await asyncio.sleep(0.1)
    other = await stack.start_another(name)
    await asyncio.sleep(_STANDING_SECONDS)
    stack.process(name).send_signal(signal.SIGCONT)
    await asyncio.sleep(_AWAKE_SECONDS)
    await stack.kill(other)
    return True


def refused(stack: Stack, name: str) -> float:
    """How many late writes of `name` the fence has refused."""
    text = httpx.get(f"{stack.base(name)}/metrics", timeout=5).text
    counts = [line for line in text.splitlines() if line.startswith("aivis_mailbox_steps") and "fenced" in line]
    return sum(float(line.split()[-1]) for line in counts)


ROW = Row("zombies", "a process stands still, another takes its place, and the first wakes", under_load(strike), BOTH)
