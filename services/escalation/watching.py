"""Keeps the gauge of what waits too long for an expert."""

import asyncio
from contextlib import suppress

from aivis.errors import Transient
from aivis.mailbox.ports import Store
from services.escalation import entry, metrics
from services.escalation.entry import Place

_MOST = 1_000
"""Looked at to here; what was called overdue has changed then, so it is among the latest."""


async def watch(store: Store, *, every: float) -> None:
    """Count overdue cases, until cancelled. `every` is in seconds."""
    while True:
        with suppress(Transient):
            found = await store.find(tenant=None, labels=[Place.OPEN.value, Place.TAKEN.value], limit=_MOST)
            metrics.OVERDUE.set(sum(entry.load(snapshot.state).late is not None for snapshot in found))
        await asyncio.sleep(every)
