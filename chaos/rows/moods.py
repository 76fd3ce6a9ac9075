"""The tool: slow, lying, with answers that are too large."""

import asyncio

from chaos.load import Load
from chaos.playing import under_load
from chaos.rack import lamps
from chaos.rack.lamps import BAD, Mood
from chaos.rows.row import BOTH, Landed, Row
from chaos.stack import Stack

_SECONDS = 25


async def strike(stack: Stack, load: Load) -> Landed:
    """Lamps of every mood are among the load's."""
    load.moods = (Mood.KIND, *BAD)
    await asyncio.sleep(_SECONDS)
    load.moods = (Mood.KIND,)
    moods = [lamps.parts(ticket.lamp)[1] for ticket in load.handed if ticket.lamp]
    landed = Landed([f"{moods.count(mood)} lamps: {mood}" for mood in BAD])
    landed.missing = [mood for mood in BAD if mood not in moods]
    return landed


ROW = Row("tool-moods", "the tool is slow, lies about what it did, answers too much", under_load(strike), BOTH)
