"""Wires the reasoner."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from aivis import topics
from aivis.artifacts import ArtifactStore
from aivis.bus import Bus
from aivis.mailbox.clock import DatabaseClock
from aivis.mailbox.limits import Limits
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.stores.opening import open_store
from aivis.modules import catalogue, loader
from aivis.recalling import as_a_word
from aivis.service import Service, run
from services.reasoner.advancing import Means
from services.reasoner.brains.model.brain import Bounds, ModelBrain
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
    model = _model(settings) if settings.model_url else None
    means = Means(
        library=loader.load(settings.domain / "modules"),
        brain=model.brain if model else Playbook(),
        budget=settings.budget,
        artifacts=ArtifactStore(settings.artifacts),
        remind=timedelta(seconds=settings.remind_seconds),
        patience=settings.patience,
    )
    mailbox = Mailbox(SERVICE, store, Reasoner(means), limits=Limits(in_flight=settings.in_flight))
    bus = Bus(SERVICE, settings)
    consumed = topics.consumed_by(SERVICE)
    bus.subscribe(consumed, mailbox)
    bus.remember([topics.CASE_EVENTS], refine=lambda topic, head, arrival: as_a_word(arrival))
    return Service(
        SERVICE,
        settings,
        mailbox,
        bus,
        topics=[*consumed, *PRODUCES],
        routes=CaseServer(store, settings.operator_token).routes(),
        optional={"model": model.brain.check} if model else {},
        close=model.close if model else None,
    )


@dataclass(frozen=True)
class _Model:
    brain: ModelBrain
    close: Callable[[], Awaitable[None]]


def _model(settings: ReasonerSettings) -> _Model:
    """The model brain. Its client library is large, and is not loaded where the playbook decides alone."""
    from services.reasoner.brains.model.endpoint import OpenAiEndpoint, Place

    place = Place(
        url=settings.model_url,
        name=settings.model_name,
        key=settings.model_key,
        seconds=settings.model_timeout,
        options=settings.model_options,
    )
    endpoint = OpenAiEndpoint(place)
    tools = catalogue.read(settings.domain / "tools.json")
    bounds = Bounds(
        settings.model_tokens,
        settings.model_in_flight,
        settings.completion,
        patience=settings.model_timeout,
        pause=timedelta(seconds=settings.model_pause_seconds),
    )
    brain = ModelBrain(endpoint, Playbook(), tools, bounds, DatabaseClock().now)  # steady: nobody sets it
    return _Model(brain, endpoint.close)


def main() -> None:
    run(build(ReasonerSettings.load()))
