"""After its database was put back to an older point: a service reads the bus again, before it does anything.

What it had said itself comes first, since so it had decided; then what waits in its inbox, and what it may have heard.
All of it goes through the inbox, where ids that are known change nothing. What to make of it is the service's.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from aivis import history
from aivis.bus import Bus, received
from aivis.errors import Transient
from aivis.events.envelope import Past
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.past import marked
from aivis.mailbox.values import Arrival, Restoration
from aivis.settings import Settings
from aivis.topics import marker

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

log = structlog.get_logger()


class Recall:
    """What one service does about its own restored database."""

    def __init__(self, mailbox: Mailbox, bus: Bus, settings: Settings) -> None:
        self._mailbox = mailbox
        self._bus = bus
        self._settings = settings
        self._reading: Restoration | None = None

    async def __call__(self) -> None:
        """Return once nothing of the past is missing in the inbox. `Transient` when the broker does not answer."""
        restoration = await self._mailbox.store.restoration()
        if restoration is not None and restoration.whole is None:
            self._reading = restoration
            restoration = restoration._replace(whole=await self._read_again(restoration))
            self._reading = None
        self._mailbox.is_restored(restoration)

    @property
    def reading(self) -> bool:
        """Whether the past is being read."""
        return self._reading is not None

    async def check(self) -> None:
        """Raise `Transient` while the past is being read."""
        if self._reading is not None:
            raise Transient(f"the database was restored to {self._reading.since}: reading what the bus has since")

    async def _read_again(self, restoration: Restoration) -> bool:
        store, service = self._mailbox.store, self._mailbox.service
        log.warning("database restored; reading the bus again", service=service, since=str(restoration.since))
        positions = await store.positions()
        async with history.opened(self._settings) as past:
            whole = past.has(marker(service).name)
            whole &= await past.read(self._bus.said.table, positions, self._said)
            await store.queue_behind_past()
            whole &= await past.read(self._bus.heard.table, positions, self._heard)
        await store.past_read(restoration.id, whole=whole)
        if whole:
            log.warning("the bus had all since then", service=service)
        else:
            log.error("the bus has lost part of what came since then: what is in doubt is for people", service=service)
        return whole

    async def _said(self, records: Sequence["ConsumerRecord[bytes, bytes]"]) -> None:
        """A word of ours that is known with another body is known."""
        arrivals, letters = self._bus.said.sort(map(received, records))
        for letter in letters:
            log.error("word of ours cannot be read", service=self._mailbox.service, reason=letter.reason)
        if arrivals:
            await self._mailbox.receive(_of_the_past(arrivals, Past.SAID))

    async def _heard(self, records: Sequence["ConsumerRecord[bytes, bytes]"]) -> None:
        arrivals, letters = self._bus.heard.sort(map(received, records))
        await self._mailbox.take_in(_of_the_past(arrivals, Past.HEARD), letters)


def as_a_word(arrival: Arrival) -> Arrival:
    """Under an id that nothing has which comes in otherwise."""
    return arrival._replace(event_id=f"{Past.SAID}/{arrival.event_id}")


def _of_the_past(arrivals: Sequence[Arrival], past: Past) -> list[Arrival]:
    return [arrival._replace(topic=marked(arrival.topic, past)) for arrival in arrivals]
