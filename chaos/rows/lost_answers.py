"""Lost answers: commits, publications and calls succeed, and whoever made them hears an error."""

import asyncio
import time

from aivis.cli.embedded import SERVICES
from chaos.load import Load
from chaos.playing import under_load
from chaos.rows import kills
from chaos.rows.row import BOTH, Landed, Row
from chaos.stack import Stack

_SECONDS = 45
_ONCE = {"store.prune.after": 1}
"""What is reached once in ten minutes."""
_UNHEARD = ("migrations.", "store.open", "index.open")
"""At the start: nobody waits for that answer but the start itself."""


async def strike(stack: Stack, load: Load) -> Landed:
    """Start every service anew with one lost answer at each of its points, and wait until all were lost."""
    wanted = {name: _points(name) for name in SERVICES}
    for name, points in wanted.items():
        await stack.kill(name)
        await stack.start(name, failpoints=",".join(f"{point}=fail@{_ONCE.get(point, 2)}" for point in points))
    due = {f"{name}:{point}" for name, points in wanted.items() for point in points}
    until = time.monotonic() + _SECONDS
    while not due.issubset(landed := stack.landed()) and time.monotonic() < until:  # noqa: ASYNC110 - files ring no bell
        await asyncio.sleep(0.5)
    return Landed(landed, sorted(due.difference(landed)))


def _points(name: str) -> list[str]:
    return [point for point in kills.targets(name) if point.endswith(".after") and not point.startswith(_UNHEARD)]


ROW = Row("lost-answers", "commits, publications and calls succeed, and the answer is lost", under_load(strike), BOTH)
