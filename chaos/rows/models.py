"""The model: every way in which an endpoint fails and a model talks nonsense; and a reasoner that dies asking."""

import asyncio

from chaos import model
from chaos.load import Load
from chaos.model import Model, Mood
from chaos.playing import under_load
from chaos.rows import kills
from chaos.rows.row import BOTH, Landed, Row
from chaos.stack import Stack

_SECONDS = 60.0
_MOST_TOKENS = 8_000
"""Of a case: a handful of questions."""
_KILLS = ("model.ask.before", "model.ask.after")


async def strike(stack: Stack, load: Load) -> Landed:
    """Start the reasoner with a model, let it be asked in all moods, kill the reasoner around questions."""
    async with model.serving(load.seed) as endpoint:
        variables = {
            "AIVIS_REASONER_MODEL_URL": endpoint.url,
            "AIVIS_REASONER_MODEL_NAME": "lamps",
            "AIVIS_REASONER_MODEL_TIMEOUT": "2",
            "AIVIS_REASONER_MODEL_PAUSE_SECONDS": "0.1",
            "AIVIS_REASONER_MAX_TOKENS": str(_MOST_TOKENS),
        }
        landed = Landed()
        for point in _KILLS:
            await stack.kill("reasoner")
            await stack.start("reasoner", failpoints=f"{point}=kill@3", variables=variables)
            died = await kills.died(stack, "reasoner", point)
            (landed.faults if died else landed.missing).append(f"reasoner killed at {point}")
        await stack.kill("reasoner")
        await stack.start("reasoner", variables=variables)
        await _all_moods(endpoint)
        await stack.kill("reasoner")
        await stack.start("reasoner")
    landed.faults += [f"{endpoint.asked[mood]} answers: {mood}" for mood in Mood if endpoint.asked[mood]]
    landed.missing += [f"an answer: {mood}" for mood in Mood if not endpoint.asked[mood]]
    most = _MOST_TOKENS + endpoint.longest
    landed.wrong += [f"{lamp}: {spent} tokens spent" for lamp, spent in endpoint.spent.items() if spent > most]
    return landed


async def _all_moods(endpoint: Model) -> None:
    until = asyncio.get_running_loop().time() + _SECONDS
    while not all(endpoint.asked[mood] for mood in Mood) and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.5)


ROW = Row("model", "an endpoint that fails and a model that talks nonsense, in every way", under_load(strike), BOTH)
