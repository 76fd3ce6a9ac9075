"""Wires the retriever."""

from datetime import UTC, datetime

import grpc.aio

from aivis.artifacts import ArtifactStore
from aivis.bus import Bus
from aivis.embedding import shared_embedder
from aivis.mailbox.limits import Limits
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.stores.opening import open_store
from aivis.service import Service, run
from aivis.topics import consumed_by
from services.retriever.consumer import Knowledge
from services.retriever.domain_pages import DomainPages
from services.retriever.intake import Intake
from services.retriever.ports import Index
from services.retriever.server import bind, server
from services.retriever.settings import RetrieverSettings
from services.retriever.stores.embedded import EmbeddedIndex


def build(settings: RetrieverSettings) -> Service:
    """The service, ready to be run; nothing is opened yet."""
    index, embed = open_index(settings), shared_embedder().embed_async
    artifacts = ArtifactStore(settings.artifacts)
    mailbox = Mailbox(
        "retriever",
        open_store(settings.database, "retriever"),
        Knowledge(index, embed, artifacts),
        limits=Limits(in_flight=settings.in_flight, messages=20),
    )
    topics = consumed_by("retriever")
    bus = Bus("retriever", settings)
    bus.subscribe(topics, mailbox)
    pages = DomainPages(settings.domain / "knowledge", index, embed)
    intake = Intake(
        mailbox,
        artifacts,
        token=settings.token.get_secret_value(),
        max_bytes=settings.max_request_bytes,
        now=lambda: datetime.now(UTC),
    )

    async def serving() -> grpc.aio.Server:
        found = await server(index, embed)
        bind(found, f"{settings.host}:{settings.grpc_port}")
        return found

    return Service(
        "retriever",
        settings,
        mailbox=mailbox,
        bus=bus,
        topics=topics,
        routes=intake.routes(),
        grpc_server=serving,
        checks={"index": index.check, "knowledge": pages.check},
        background=[pages.bring],
        close=index.close,
    )


def open_index(settings: RetrieverSettings) -> Index:
    """The store that the settings name. Weaviate's client is large: it is loaded only where it is used."""
    if not settings.weaviate:
        return EmbeddedIndex(settings.index)
    from services.retriever.stores.weaviate import WeaviateIndex

    return WeaviateIndex(settings.weaviate)


def main() -> None:
    run(build(RetrieverSettings.load()))
