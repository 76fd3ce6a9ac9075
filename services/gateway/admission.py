"""Admission by HTTP: what cannot be borne is turned away with 429 before it is read, so that what is let in is quick.

Every bound is shared as `aivis.places` has it: a source that floods takes no more than leaves others room.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import NoReturn

import structlog

from aivis.access import Grant
from aivis.mailbox.mailbox import Mailbox
from aivis.places import Places, room
from aivis.web import too_busy
from services.gateway import asking, metrics

log = structlog.get_logger()

_SOON, _LATER, _MUCH_LATER = 1, 2, 5
"""Seconds after which to come again: a request ends, an inbox empties, the services behind catch up."""


@dataclass(frozen=True)
class Bounds:
    """See `GatewaySettings`."""

    requests: int = 64
    reads: int = 64
    waiting: int = 2_000
    unheard: int = 20_000


class Place:
    """A request's place; left early or at the end."""

    def __init__(self, places: Places, who: str) -> None:
        self._places: Places | None = places
        self._who = who
        self._since = monotonic()

    @property
    def seconds(self) -> float:
        """Since it was taken."""
        return monotonic() - self._since

    def leave(self) -> None:
        """The request takes nothing any more that others could lack."""
        if self._places is not None:
            self._places.leave(self._who)
            self._places = None


class Admission:
    """Says who may come in now."""

    def __init__(self, mailbox: Mailbox, bounds: Bounds) -> None:
        self._mailbox = mailbox
        self._bounds = bounds
        self._submitting = Places(bounds.requests)
        self._reading = Places(bounds.reads)
        self._unheard: dict[str, int] = {}

    @contextmanager
    def submission(self, who: Grant) -> Iterator[Place]:
        """A place for something new of `who`; a `Problem` of status 429 says when to come again."""
        tenant = who.tenants[0]
        if not _fits(self._mailbox.waiting, tenant, self._bounds.waiting):
            _shed(who, "waiting", "too many messages wait to be worked on", _LATER)
        if not _fits(self._unheard, tenant, self._bounds.unheard):
            _shed(who, "unheard", "the services behind have not caught up with earlier tickets", _MUCH_LATER)
        with self._place(self._submitting, who, "requests") as place:
            yield place

    @contextmanager
    def reading(self, who: Grant) -> Iterator[Place]:
        """A place for a question of `who`."""
        with self._place(self._reading, who, "reads") as place:
            yield place

    @contextmanager
    def _place(self, places: Places, who: Grant, reason: str) -> Iterator[Place]:
        if not places.take(who.source):
            _shed(who, reason, "too many requests of this source are under way", _SOON)
        place = Place(places, who.source)
        try:
            yield place
        finally:
            place.leave()

    def accepted(self, tenant: str) -> None:
        """A ticket is in the inbox, of which nothing has been heard."""
        self._unheard[tenant] = self._unheard.get(tenant, 0) + 1

    async def look(self) -> None:
        """Count anew the cases of which nothing has been heard."""
        self._unheard = await self._mailbox.store.timers_set(asking.TIMER)
        metrics.UNHEARD.set(sum(self._unheard.values()))


def _fits(counts: Mapping[str, int], tenant: str, most: int) -> bool:
    return room(most - sum(counts.values()), counts.get(tenant, 0)) > 0


def _shed(who: Grant, reason: str, why: str, seconds: int) -> NoReturn:
    metrics.SHED.labels(who.source, reason).inc()
    raise too_busy(why, seconds)
