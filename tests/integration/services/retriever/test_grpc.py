"""Knowledge by gRPC: a real server on the loopback, over an index of its own."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from aivis.embedding import DIMENSIONS, Vectors
from aivis.errors import Invalid, Transient
from aivis.v1 import knowledge_pb2 as pb
from aivis.v1.knowledge_pb2_grpc import KnowledgeStub
from services.retriever.indexing import index_document
from services.retriever.ports import Document, Hit, Question
from services.retriever.server import SERVICE, bind, server
from services.retriever.stores.embedded import EmbeddedIndex


async def no_meaning(texts: Sequence[str], *, tokens: int = 128) -> Vectors:
    return np.zeros((len(texts), DIMENSIONS), dtype=np.float32)


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[EmbeddedIndex]:
    found = EmbeddedIndex(tmp_path / "index.db")
    for number in range(15):
        text = f"# Page\n\nPassage {number} is about gateways."
        await index_document("acme", Document(f"d{number}", "Page", text, f"docs/{number}.md"), found, no_meaning)
    yield found
    await found.close()


@pytest.fixture
async def channel(index: EmbeddedIndex) -> AsyncIterator[grpc.aio.Channel]:
    serving = await server(index, no_meaning)
    port = bind(serving, "127.0.0.1:0")
    await serving.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await serving.stop(None)


async def error_of(call: object) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def test_a_search_gives_passages_with_source_section_and_figures(channel: grpc.aio.Channel) -> None:
    answer = await KnowledgeStub(channel).Search(pb.SearchRequest(tenant="acme", query="gateways passage 7"))
    best = answer.hits[0]
    assert (best.passage.document_id, best.passage.source) == ("d7", "docs/7.md")
    assert best.coverage == pytest.approx(1)
    assert 0 < best.score <= 1
    assert len(answer.hits) == 10


async def test_a_passage_opens_by_its_id_and_only_for_its_tenant(channel: grpc.aio.Channel) -> None:
    stub = KnowledgeStub(channel)
    found = (await stub.Search(pb.SearchRequest(tenant="acme", query="gateways", limit=1))).hits[0].passage
    assert (await stub.Get(pb.GetRequest(tenant="acme", id=found.id))).passage == found
    error = await error_of(stub.Get(pb.GetRequest(tenant="globex", id=found.id)))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert found.id in (error.details() or "")


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (pb.SearchRequest(query="x"), "tenant"),
        (pb.SearchRequest(tenant="acme", query="  "), "query"),
        (pb.SearchRequest(tenant="acme", query="x" * 20_001), "query: 20001 characters"),
        (pb.SearchRequest(tenant="acme", query="x", limit=51), "limit: 51"),
        (pb.SearchRequest(tenant="acme", query="x", limit=-1), "limit: -1"),
    ],
)
async def test_a_bad_request_is_refused_by_field_with_details(
    channel: grpc.aio.Channel, request_: pb.SearchRequest, says: str
) -> None:
    error = await error_of(KnowledgeStub(channel).Search(request_))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert says in (error.details() or "")
    metadata: Any = error.trailing_metadata()
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("Invalid", SERVICE)


class Broken(EmbeddedIndex):
    """An index that fails as it is told."""

    def __init__(self, error: Exception) -> None:
        super().__init__(":memory:")
        self._error = error

    async def search(self, tenant: str, question: Question) -> Sequence[Hit]:
        raise self._error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Transient("index: down"), grpc.StatusCode.UNAVAILABLE),
        (TimeoutError(), grpc.StatusCode.DEADLINE_EXCEEDED),
        (ZeroDivisionError("a fault of ours"), grpc.StatusCode.INTERNAL),
    ],
)
async def test_a_failing_index_is_a_status_and_the_server_goes_on(error: Exception, code: grpc.StatusCode) -> None:
    serving = await server(Broken(error), no_meaning)
    port = bind(serving, "127.0.0.1:0")
    await serving.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        for _ in range(2):
            seen = await error_of(KnowledgeStub(channel).Search(pb.SearchRequest(tenant="acme", query="x")))
            assert seen.code() is code
            assert str(error) in (seen.details() or "")
    await serving.stop(None)


async def test_health_and_reflection_are_served(channel: grpc.aio.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    for name in ("", SERVICE):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    stream = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([ask]))
    names = [service.name async for answer in stream for service in answer.list_services_response.service]
    assert SERVICE in names


async def test_a_port_in_use_is_said_with_the_setting_to_change(index: EmbeddedIndex) -> None:
    first, second = await server(index, no_meaning), await server(index, no_meaning)
    port = bind(first, "127.0.0.1:0")
    with pytest.raises(Invalid, match="AIVIS_RETRIEVER_GRPC_PORT"):
        bind(second, f"127.0.0.1:{port}")
