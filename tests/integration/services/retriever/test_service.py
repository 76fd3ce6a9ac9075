"""The whole retriever: documents from the bus and by HTTP become searchable, and bad ones stop nothing."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio
import httpx
import pytest
import pytest_asyncio

from aivis import topics
from aivis.artifacts import ArtifactStore
from aivis.events.envelope import Event, Payload
from aivis.events.knowledge import DocumentPublished, DocumentWithdrawn
from aivis.events.tickets import Artifact
from aivis.service import serve
from aivis.v1 import knowledge_pb2 as pb
from aivis.v1.knowledge_pb2_grpc import KnowledgeStub
from services.retriever.main import build
from services.retriever.settings import RetrieverSettings
from tests.integration.services.broker import free_port, publish_events, running_broker

if TYPE_CHECKING:
    from aivis.v1.knowledge_pb2_grpc import KnowledgeAsyncStub

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with running_broker() as address:
        yield address


class Retriever:
    """A retriever that runs, and its clients."""

    def __init__(self, broker: str, folder: Path) -> None:
        self.broker = broker
        self.folder = folder
        self.tenant = f"t{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
        knowledge = folder / "domain" / "knowledge"
        knowledge.mkdir(parents=True, exist_ok=True)
        self.page = knowledge / "shared.md"
        self.page.write_text("---\ntitle: Bastions\n---\nA bastion is the one host that ssh is open to.")
        self.settings = RetrieverSettings(
            kafka=broker,
            database=f"sqlite:{folder / 'state'}",
            artifacts=folder / "artifacts",
            domain=folder / "domain",
            index=folder / "index.db",
            port=free_port(),
            grpc_port=free_port(),
            kafka_idempotent=False,
            kafka_partitions=2,
            kafka_fetch_wait_ms=50,
        )
        self.http = f"http://127.0.0.1:{self.settings.port}"
        self.stub: KnowledgeAsyncStub

    async def publish(self, document: str, data: Payload) -> None:
        id = hashlib.sha256(f"{self.tenant}{document}{data.model_dump_json()}".encode()).hexdigest()
        event = Event(id=id, type=data.TYPE, source="test", tenant=self.tenant, case=document, time=NOW, data=data)
        await publish_events(self.broker, topics.KNOWLEDGE.name, event)

    async def found(self, query: str) -> list[str]:
        request = pb.SearchRequest(tenant=self.tenant, query=query, limit=3)
        answer = await self.stub.Search(request, timeout=10)
        return [hit.passage.text for hit in answer.hits if hit.coverage > 0.9]

    async def until_found(self, query: str, *, times: int) -> list[str]:
        found = await self.found(query)
        while len(found) != times:
            await asyncio.sleep(0.05)
            found = await self.found(query)
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def retriever(broker: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Retriever]:
    own = Retriever(broker, tmp_path_factory.mktemp("retriever"))
    stop = asyncio.Event()
    running = asyncio.create_task(serve(build(own.settings), stop))
    await until_ready(own.http, running)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{own.settings.grpc_port}") as channel:
        own.stub = KnowledgeStub(channel)
        yield own
    stop.set()
    await asyncio.wait_for(running, 20)


async def until_ready(http: str, running: asyncio.Task[None]) -> None:
    async with httpx.AsyncClient() as client:
        while not running.done():
            try:
                if (await client.get(f"{http}/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
    await running


def published(document: str, text: str, *, media_type: str = "text/markdown") -> DocumentPublished:
    return DocumentPublished(document=document, title="Page", text=text, source="docs/x.md", media_type=media_type)


async def test_a_published_document_is_found_replaced_and_withdrawn(retriever: Retriever) -> None:
    await retriever.publish("d1", published("d1", "Zebras graze beside the gateway."))
    assert await retriever.until_found("zebras graze", times=1) == ["Zebras graze beside the gateway."]
    await retriever.publish("d1", published("d1", "Giraffes graze beside the gateway."))
    await retriever.until_found("giraffes graze", times=1)
    assert await retriever.found("zebras graze") == []
    await retriever.publish("d1", DocumentWithdrawn(document="d1"))
    await retriever.until_found("giraffes graze", times=0)


async def test_documents_that_cannot_be_read_stop_no_other(retriever: Retriever) -> None:
    await retriever.publish("bad", published("bad", "%PDF-1.7", media_type="application/pdf"))
    missing = Artifact(digest="0" * 64, size=1, media_type="text/markdown")
    await retriever.publish("gone", published("gone", "").model_copy(update={"content": missing}))
    await retriever.publish("good", published("good", "Penguins waddle."))
    assert await retriever.until_found("penguins waddle", times=1) == ["Penguins waddle."]


async def test_a_large_document_comes_by_reference(retriever: Retriever) -> None:
    text = "\n\n".join(f"## Part {number}\n\nOtter{number} swims." for number in range(40))
    store = ArtifactStore(retriever.settings.artifacts)
    kept = await store.put(retriever.tenant, text.encode(), media_type="text/markdown")
    await retriever.publish("large", published("large", "").model_copy(update={"content": kept}))
    assert await retriever.until_found("otter39 swims", times=1) == ["Otter39 swims."]


async def test_the_pages_of_the_domain_are_there_when_the_service_is_ready(retriever: Retriever) -> None:
    (text,) = await retriever.found("bastion ssh open host")
    assert text == "A bastion is the one host that ssh is open to."


async def test_a_document_handed_in_by_http_is_durable_when_accepted(retriever: Retriever) -> None:
    address = f"{retriever.http}/v1/tenants/{retriever.tenant}/documents/guides/a.md"
    body = published("guides/a.md", "Badgers dig. " * 20_000).model_dump(mode="json")
    async with httpx.AsyncClient() as client:
        assert (await client.put(address, json=body)).status_code == 202
        await retriever.until_found("badgers dig", times=3)
        assert (await client.delete(address)).status_code == 202
        await retriever.until_found("badgers dig", times=0)


async def test_bad_bodies_are_refused_with_the_field_at_fault(retriever: Retriever) -> None:
    bad = {
        b"{": (422, "document"),
        b'{"document": "other", "title": "T", "source": "s"}': (422, "other"),
        b'{"document": "a.md", "title": "T"}': (422, "source"),
        b"x" * 34_000_000: (413, "larger"),
    }
    async with httpx.AsyncClient(timeout=20) as client:
        for body, (status, says) in bad.items():
            answer = await client.put(f"{retriever.http}/v1/tenants/acme/documents/a.md", content=body)
            assert (answer.status_code, says in answer.json()["detail"]) == (status, True)
        nobody = await client.delete(f"{retriever.http}/v1/tenants/no%20tenant/documents/a.md")
        assert nobody.status_code == 422


async def test_a_page_that_left_the_domain_leaves_the_knowledge(broker: str, tmp_path: Path) -> None:
    own = Retriever(broker, tmp_path)
    for text, expected in (("A bastion is a host.", 1), (None, 0)):
        own.page.unlink() if text is None else own.page.write_text(text)
        stop = asyncio.Event()
        running = asyncio.create_task(serve(build(own.settings), stop))
        await until_ready(own.http, running)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{own.settings.grpc_port}") as channel:
            own.stub = KnowledgeStub(channel)
            assert len(await own.found("bastion host")) == expected
        stop.set()
        await asyncio.wait_for(running, 20)
