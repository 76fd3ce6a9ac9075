"""Wires the executor."""

import asyncio
import time
from datetime import timedelta

from aivis import topics
from aivis.artifacts import ArtifactStore
from aivis.bus import Bus
from aivis.mailbox.limits import Limits
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.ports import Store
from aivis.mailbox.stores.opening import open_store
from aivis.mailbox.values import Key
from aivis.recalling import as_a_word
from aivis.service import Check, Service, run
from services.executor.catalogue import Catalogue
from services.executor.consumer import Executor, action_key_of
from services.executor.means import Bounds, Means, ToolPlaces
from services.executor.policy import Policies
from services.executor.ports import ToolProvider
from services.executor.preparing import Preparer
from services.executor.providers.grpc import GrpcTools
from services.executor.providers.knowledge import KnowledgeSearch
from services.executor.server import Api
from services.executor.settings import ExecutorSettings
from services.executor.stopwatch import Stopwatch
from services.executor.watching import watch

NAME = "executor"
_EARLY_SECONDS = 120
"""How long a word waits for the action it is about."""


def build(settings: ExecutorSettings) -> Service:
    """The service, wired and not started. `Invalid` when the domain's policies cannot be read."""
    store, artifacts = open_store(settings.database, NAME), ArtifactStore(settings.artifacts)
    providers = _providers(settings)
    catalogue = Catalogue(providers)

    async def read(key: Key) -> bytes | None:
        snapshot = await store.read(key)
        return None if snapshot is None else snapshot.state

    async def holder(tenant: str, name: str) -> str | None:
        held = await store.holds(prefix=name)
        return next((key for whose, what, key in held if (whose, what) == (tenant, name)), None)

    means = Means(
        prepare=Preparer(catalogue, read, holder, artifacts),
        policies=Policies.read(settings.domain / "policy.cedar"),
        artifacts=artifacts,
        autonomy=settings.autonomy,
        bounds=_bounds(settings),
        clock=time.monotonic,
        stopwatch=Stopwatch(_since_boot),
        places=ToolPlaces(settings.tool_calls),
    )
    mailbox = _mailbox(settings, store, Executor(means))
    bus = Bus(NAME, settings)
    bus.subscribe(topics.consumed_by(NAME), mailbox, action_key_of)
    bus.remember([topics.RESULTS], action_key_of, lambda topic, head, arrival: as_a_word(arrival))
    return Service(
        NAME,
        settings,
        mailbox,
        bus,
        topics=[*topics.consumed_by(NAME), topics.RESULTS, topics.ESCALATIONS],
        routes=Api(catalogue, store, settings.token.get_secret_value()).routes(),
        checks=_checks(providers),
        background=(lambda: catalogue.run(every=settings.refresh_seconds), lambda: watch(store)),
        close=lambda: _close(providers),
    )


def _since_boot() -> float:
    """Seconds; nobody sets it, and where the system can, it goes on while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def _providers(settings: ExecutorSettings) -> list[ToolProvider]:
    servers: list[ToolProvider] = [GrpcTools(address) for address in settings.tool_servers]
    return [KnowledgeSearch(settings.retriever), *servers] if settings.retriever else servers


def _bounds(settings: ExecutorSettings) -> Bounds:
    return Bounds(
        retry=timedelta(seconds=settings.retry_seconds),
        busy=timedelta(seconds=settings.busy_seconds),
        settle=timedelta(seconds=settings.settle_seconds),
        freeze=timedelta(seconds=settings.freeze_seconds),
        approval=timedelta(seconds=settings.approval_seconds),
        reask=timedelta(seconds=settings.reask_seconds),
    )


def _mailbox(settings: ExecutorSettings, store: Store, handler: Executor) -> Mailbox:
    backlog = max(10_000, 5 * settings.in_flight)
    limits = Limits(in_flight=settings.in_flight, backlog=backlog, early_seconds=_EARLY_SECONDS)
    return Mailbox(NAME, store, handler, limits=limits)


def _checks(providers: list[ToolProvider]) -> dict[str, Check]:
    return {provider.name: provider.check for provider in providers}


async def _close(providers: list[ToolProvider]) -> None:
    await asyncio.gather(*(provider.close() for provider in providers))


def main() -> None:
    run(build(ExecutorSettings.load()))
