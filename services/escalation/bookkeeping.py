"""Keeps the table of figures after the cases: what changed is read from the mailbox's committed state and kept.

The table may lag, never err: a case that changed is kept until its row is in, and after a crash the latest changes are
read again.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic
from typing import TypeVar

import structlog

from aivis.errors import Transient
from aivis.mailbox.ports import Store
from aivis.mailbox.values import Key, Snapshot
from services.escalation import entry, record
from services.escalation.ports import FigureStore, Group, Kept

log = structlog.get_logger()

_OVERLAP = timedelta(minutes=10)
"""How far behind the latest row another process may have left changes that it had not kept."""
_GIVE_UP_SECONDS = 120.0
"""A turn that was noted and did not commit in that time did not commit at all, or was noted anew."""
_PAGE = 500

Item = TypeVar("Item")


class Bookkeeper:
    """Notes which cases changed, and keeps their rows."""

    def __init__(self, figures: FigureStore, *, every: float, show: Callable[[list[Group]], None]) -> None:
        """`show` gets the sums over all cases every so many seconds."""
        self._figures = figures
        self._every = every
        self._show = show
        self._changed: dict[Key, tuple[int, float]] = {}

    def note(self, key: Key, version: int) -> None:
        """The case will have changed when its key is at `version`."""
        self._changed[key] = (version, monotonic())

    async def run(self, store: Store, begin: datetime) -> None:
        """Catch up with what a crash left, then keep and show, until cancelled."""
        caught_up = False
        while True:
            try:
                if not caught_up:
                    await self.catch_up(store)
                    caught_up = True
                await self.keep(store)
                self._show(await self._figures.groups(None, since=begin))
            except Transient as error:
                log.warning("figures wait", service="escalation", error=str(error))
            await asyncio.sleep(self._every)

    async def keep(self, store: Store) -> None:
        """Keep the rows of what changed and has committed."""
        for batch in _batches([*self._changed.items()]):
            rows, done = [], []
            for key, (version, noted_at) in batch:
                snapshot = await store.read(key)
                if snapshot is not None and snapshot.version >= version:
                    rows += _rows(snapshot)
                    done.append((key, version))
                elif monotonic() - noted_at > _GIVE_UP_SECONDS:
                    done.append((key, version))
            await self._figures.keep(rows)
            for key, version in done:
                if self._changed.get(key, (0, 0.0))[0] == version:
                    del self._changed[key]

    async def catch_up(self, store: Store) -> None:
        """Keep what changed since a little before the latest row."""
        latest = await self._figures.latest()
        limit = _PAGE
        while True:
            found = await store.find(tenant=None, labels=[], limit=limit)
            if len(found) < limit or (latest is not None and found[-1].updated_at < latest - _OVERLAP):
                break
            limit *= 2
        for page in _batches(found):
            await self._figures.keep([row for snapshot in page for row in _rows(snapshot)])


def _rows(snapshot: Snapshot) -> list[Kept]:
    """The case's row, once its ticket is known."""
    case = entry.load(snapshot.state)
    figures = record.figures(case.record, escalated=bool(case.escalations))
    if figures is None or case.record.opened_at is None:
        return []
    return [Kept(*snapshot.key, snapshot.version, snapshot.updated_at, case.record.opened_at, figures)]


def _batches(items: list[Item]) -> list[list[Item]]:
    return [items[place : place + _PAGE] for place in range(0, len(items), _PAGE)]
