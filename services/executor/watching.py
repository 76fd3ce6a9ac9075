"""Keeps the gauges of what waits for people."""

import asyncio
from contextlib import suppress

from aivis.errors import Transient
from aivis.mailbox.ports import Store
from services.executor import metrics
from services.executor.ledger import State

_MOST = 1_000
"""Counted to here; more is as bad."""


async def watch(store: Store, *, every: float = 15) -> None:
    """Count effects in doubt and actions that wait for an expert, until cancelled. `every` is in seconds."""
    while True:
        with suppress(Transient):
            metrics.UNSETTLED.set(await _count(store, State.AMBIGUOUS))
            metrics.WAITING.set(await _count(store, State.WAITING))
        await asyncio.sleep(every)


async def _count(store: Store, state: State) -> int:
    return len(await store.find(tenant=None, labels=[state.value], limit=_MOST))
