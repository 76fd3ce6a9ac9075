"""The broker: away for a while, and gone with all it had."""

import asyncio
import signal

from chaos.load import Load
from chaos.playing import under_load
from chaos.rows.row import Landed, Row
from chaos.stack import Stack

_AWAY_SECONDS = 20
_BETWEEN_SECONDS = 6


async def silent(stack: Stack, load: Load) -> Landed:
    """It takes connections and answers nothing."""
    process = stack.process("broker")
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(_AWAY_SECONDS)
    process.send_signal(signal.SIGCONT)
    await asyncio.sleep(_BETWEEN_SECONDS)
    return Landed([f"broker silent for {_AWAY_SECONDS} s"])


async def wiped(stack: Stack, load: Load) -> Landed:
    """The embedded broker keeps its data in memory: killed, it begins empty."""
    load.over_kafka = False  # what is published on a broker that then loses it, nobody else has
    await asyncio.sleep(_BETWEEN_SECONDS)
    landed = Landed()
    for time in ("first", "second"):
        await stack.kill("broker")
        await stack.start("broker")
        landed.faults.append(f"broker started empty, the {time} time")
        await asyncio.sleep(_BETWEEN_SECONDS)
    return landed


SILENT = Row("broker-silent", "the broker answers nothing for a while", under_load(silent))
WIPED = Row("broker-wiped", "the broker loses everything, twice: cases go on from the databases", under_load(wiped))
