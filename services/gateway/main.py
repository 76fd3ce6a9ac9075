"""Wires the gateway."""

from aivis import topics
from aivis.access import Keys, Role
from aivis.artifacts import ArtifactStore
from aivis.bus import Bus
from aivis.mailbox.limits import Limits
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.stores.opening import open_store
from aivis.service import Service, run
from services.gateway.consumer import Gateway, refine
from services.gateway.normalising import SERVICE
from services.gateway.server import Means, routes
from services.gateway.settings import GatewaySettings

_EARLY_SECONDS = 3_600
"""How long a message waits for its ticket, before a person is told of it."""


def build(settings: GatewaySettings) -> Service:
    store = open_store(settings.database, SERVICE)
    limits = Limits(in_flight=settings.in_flight, early_seconds=_EARLY_SECONDS)
    mailbox = Mailbox(SERVICE, store, Gateway(store, settings.ask_again), limits=limits)
    bus = Bus(SERVICE, settings)
    consumed = [*(topics.intake(source) for source in settings.sources), *topics.consumed_by(SERVICE)]
    bus.subscribe(consumed, mailbox, refine=refine(settings.sources))
    means = Means(
        mailbox=mailbox,
        artifacts=ArtifactStore(settings.artifacts),
        keys=Keys(settings.keys, Role.UPSTREAM),
        heartbeat=settings.heartbeat_seconds,
    )
    return Service(
        SERVICE, settings, mailbox, bus, topics=[*consumed, topics.TICKETS, topics.ESCALATIONS], routes=routes(means)
    )


def main() -> None:
    run(build(GatewaySettings.load()))
