"""Wires the planner."""

from aivis import topics
from aivis.bus import Bus
from aivis.embedding import MODEL, shared_embedder
from aivis.mailbox.limits import Limits
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.stores.opening import open_store
from aivis.recalling import as_a_word
from aivis.service import Service, run
from services.planner.clients import vocabulary
from services.planner.consumer import SERVICE, Planning
from services.planner.ports import Language
from services.planner.readiness import Opener
from services.planner.settings import PlannerSettings


def build(settings: PlannerSettings) -> Service:
    """The service, ready to be run; nothing is opened yet."""
    language = Language(shared_embedder(), MODEL, vocabulary())
    opener = Opener(settings.domain, settings.cache, language)
    store = open_store(settings.database, SERVICE)
    mailbox = Mailbox(SERVICE, store, Planning(opener), limits=Limits(in_flight=settings.in_flight))
    bus = Bus(SERVICE, settings)
    consumed = topics.consumed_by(SERVICE)
    bus.subscribe(consumed, mailbox)
    bus.remember([topics.PLANS], refine=lambda topic, head, arrival: as_a_word(arrival))
    return Service(
        SERVICE,
        settings,
        mailbox,
        bus,
        topics=[*consumed, topics.PLANS, topics.ESCALATIONS],
        checks={"classifier": opener.check},
        background=[opener.open],
    )


def main() -> None:
    run(build(PlannerSettings.load()))
