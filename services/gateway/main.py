"""Wires the gateway."""

import asyncio
from contextlib import suppress

from aivis import topics
from aivis.access import Keys, Role
from aivis.artifacts import ArtifactStore
from aivis.bus import Bus
from aivis.errors import Transient
from aivis.mailbox.limits import Limits
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.stores.opening import open_store
from aivis.recalling import as_a_word
from aivis.service import Service, run
from services.gateway.admission import Admission, Bounds
from services.gateway.consumer import Gateway, refine
from services.gateway.normalising import SERVICE
from services.gateway.server import Means, routes
from services.gateway.settings import GatewaySettings

_LOOK_SECONDS = 1
_EARLY_SECONDS = 3_600
"""How long a message waits for its ticket, before a person is told of it."""


def build(settings: GatewaySettings) -> Service:
    store = open_store(settings.database, SERVICE)
    limits = Limits(in_flight=settings.in_flight, early_seconds=_EARLY_SECONDS)
    mailbox = Mailbox(SERVICE, store, Gateway(store, settings.ask_again), limits=limits)
    bus = Bus(SERVICE, settings)
    consumed = [*(topics.intake(source) for source in settings.sources), *topics.consumed_by(SERVICE)]
    bus.subscribe(consumed, mailbox, refine=refine(settings.sources))
    bounds = Bounds(settings.requests, settings.reads, settings.waiting, settings.unheard)
    admission = Admission(mailbox, bounds)
    bus.remember([topics.TICKETS], refine=lambda topic, head, arrival: as_a_word(arrival))
    means = Means(
        mailbox=mailbox,
        artifacts=ArtifactStore(settings.artifacts),
        keys=Keys(settings.keys, Role.UPSTREAM),
        admission=admission,
        heartbeat=settings.heartbeat_seconds,
    )
    return Service(
        SERVICE,
        settings,
        mailbox,
        bus,
        topics=[*consumed, topics.TICKETS, topics.ESCALATIONS],
        routes=routes(means),
        background=(lambda: _look(admission),),
    )


async def _look(admission: Admission) -> None:
    """Keep the counts that admission goes by, until cancelled."""
    while True:
        with suppress(Transient):
            await admission.look()
        await asyncio.sleep(_LOOK_SECONDS)


def main() -> None:
    run(build(GatewaySettings.load()))
