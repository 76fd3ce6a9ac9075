"""SIGKILL at every failpoint of every service, one after another, under load."""

import asyncio
import signal
from collections.abc import Sequence

from aivis.cli.embedded import SERVICES
from chaos.load import Load
from chaos.playing import under_load
from chaos.points import points
from chaos.rows.row import BOTH, Landed, Row
from chaos.stack import TOOLS, Death, Stack

_PATIENCE_SECONDS = 30
_EVERYWHERE = ("migrations.", "store.", "bus.")
_OWN = {
    "gateway": ("artifacts.",),
    "executor": ("tools.", "knowledge.", "artifacts.", "ledger."),
    "retriever": ("index.",),
    "escalation": ("figures.",),
    TOOLS: ("rack.",),
}
"""What a process reaches besides what all services do."""
ELSEWHERE = {
    "store.publish_again": "only a broker that lost its data asks for it",
    "store.retry": "only an operator asks for it",
    "store.drop": "only an operator asks for it",
    "store.mark_restored": "only an operator asks for it",
    "store.queue_behind_past": "only in a database that was put back",
    "store.past_read": "only in a database that was put back",
    "store.defer": "only a turn that fails gets there",
    "store.unclaim": "only a publication that fails gets there",
    "store.fire_timers": "only where a timer is due",
    "store.claim": "on PostgreSQL alone; on SQLite claims are in memory",
    "artifacts.": "only what is large gets there",
    "tools.lookup": "only a call in doubt is looked up",
    "tools.undo": "only what did not help is undone",
    "index.insert": "on Weaviate alone",
    "index.delete": "on Weaviate alone",
}
_AGAIN = {"gateway:bus.read.before": 3}
"""What is to be hit more often: not every batch that is read has in it what nobody would send again."""
_STOPPING = ("store.hold", "store.unhold", "store.end_window")
_PUBLISHING = ("bus.send", "store.mark_sent")
_READING = ("store.keep_positions",)


def targets(name: str) -> list[str]:
    """The failpoints at which the process `name` is to be killed here."""
    parts = _OWN.get(name, ()) if name == TOOLS else (*_EVERYWHERE, *_OWN.get(name, ()))
    others = (*ELSEWHERE, *_never(name))
    return [point for point in points() if point.startswith(parts) and not point.startswith(others)]


def _schedule(name: str) -> list[str]:
    return [point for point in targets(name) for _ in range(_AGAIN.get(f"{name}:{point}", 1))]


def _never(name: str) -> tuple[str, ...]:
    """What `name` has no cause to do: only effects can be stopped; the retriever is asked and told past the bus."""
    if name == "executor":
        return ()
    return (*_STOPPING, *_PUBLISHING, *_READING) if name == "retriever" else _STOPPING


async def strike(stack: Stack, load: Load) -> Landed:
    """All processes at once, each through its own failpoints."""
    landed = Landed()
    await asyncio.gather(*(_through(stack, name, _schedule(name), landed) for name in (*SERVICES, TOOLS)))
    return landed


async def _through(stack: Stack, name: str, wanted: Sequence[str], landed: Landed) -> None:
    for point in wanted:
        await stack.kill(name)
        await stack.start(name, failpoints=f"{point}=kill")
        if await died(stack, name, point):
            landed.faults.append(f"{name}:{point}")
        else:
            landed.missing.append(f"{name}:{point}")
            await stack.kill(name)
    await stack.start(name)


async def died(stack: Stack, name: str, point: str, *, seconds: float = _PATIENCE_SECONDS) -> bool:
    """Whether `name` killed itself at `point` within so many seconds."""
    process = stack.process(name)
    try:
        status = await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return False
    stack.deaths.append(Death(name, status, point))
    return status == -signal.SIGKILL


ROW = Row("kill-points", "SIGKILL at every failpoint of every service", under_load(strike), BOTH)
