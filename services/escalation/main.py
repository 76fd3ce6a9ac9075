"""Wires the escalation service."""

import secrets
from datetime import UTC, datetime, timedelta

from aivis import topics
from aivis.access import Keys, Role
from aivis.bus import Bus
from aivis.mailbox.limits import Limits
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.stores.opening import open_store
from aivis.service import Service, run
from services.escalation import recalling
from services.escalation.bookkeeping import Bookkeeper
from services.escalation.consumer import SERVICE, Desk, refine
from services.escalation.metrics import FIGURES
from services.escalation.server import routes
from services.escalation.server.means import Means
from services.escalation.settings import EscalationSettings
from services.escalation.stores.opening import open_figures
from services.escalation.watching import watch

PRODUCES = (topics.GUIDANCE, topics.APPROVALS, topics.FEEDBACK)


def build(settings: EscalationSettings) -> Service:
    store = open_store(settings.database, SERVICE)
    figures = open_figures(settings.database)
    bookkeeper = Bookkeeper(figures, every=settings.figures_seconds, show=FIGURES.show)
    mailbox = Mailbox(SERVICE, store, Desk(bookkeeper), limits=Limits(in_flight=settings.in_flight))
    bus = Bus(SERVICE, settings)
    consumed = topics.consumed_by(SERVICE)
    bus.subscribe(consumed, mailbox, refine=refine())
    bus.remember([topics.APPROVALS, topics.FEEDBACK], refine=recalling.refine())
    means = Means(
        mailbox=mailbox,
        figures=figures,
        bookkeeper=bookkeeper,
        keys=Keys(settings.keys, Role.EXPERT),
        answer_seconds=settings.answer_seconds,
        secret=settings.session_secret.encode() or secrets.token_bytes(32),
        session=timedelta(hours=settings.session_hours),
    )

    async def keep_figures() -> None:
        await bookkeeper.run(store, datetime.fromtimestamp(0, UTC))

    return Service(
        SERVICE,
        settings,
        mailbox,
        bus,
        topics=[*consumed, *PRODUCES],
        routes=routes(means),
        checks={"figures": figures.ping},
        background=[keep_figures, lambda: watch(store, every=settings.figures_seconds)],
        close=figures.close,
    )


def main() -> None:
    run(build(EscalationSettings.load()))
