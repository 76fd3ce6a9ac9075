"""Wires the reasoner."""

from aivis import topics
from aivis.artifacts import ArtifactStore
from aivis.bus import Bus
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.stores.opening import open_store
from aivis.mailbox.worker import Limits
from aivis.modules import loader
from aivis.service import Service, run
from services.reasoner.advancing import Means
from services.reasoner.brains.policies import Playbook
from services.reasoner.consumer import Reasoner
from services.reasoner.draft import SERVICE
from services.reasoner.server import CaseServer
from services.reasoner.settings import ReasonerSettings

PRODUCES = (
    topics.PLAN_REQUESTS,
    topics.ACTIONS,
    topics.REPLIES,
    topics.ESCALATIONS,
    topics.CASE_EVENTS,
)


def build(settings: ReasonerSettings) -> Service:
    store = open_store(settings.database, SERVICE)
    means = Means(
        library=loader.load(settings.domain / "modules"),
        brain=Playbook(),
        budget=settings.budget,
        artifacts=ArtifactStore(settings.artifacts),
    )
    mailbox = Mailbox(SERVICE, store, Reasoner(means), limits=Limits(in_flight=settings.in_flight))
    bus = Bus(SERVICE, settings)
    consumed = topics.consumed_by(SERVICE)
    bus.subscribe(consumed, mailbox)
    return Service(
        SERVICE,
        settings,
        mailbox,
        bus,
        topics=[*consumed, *PRODUCES],
        routes=CaseServer(store, settings.operator_token).routes(),
    )


def main() -> None:
    run(build(ReasonerSettings.load()))
