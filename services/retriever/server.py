"""Serves aivis.v1.Knowledge: decode, search, encode."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import grpc.aio
import structlog
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from aivis.errors import AivisError, Invalid, Unknown, grpc_status
from aivis.v1 import knowledge_pb2 as pb
from aivis.v1 import knowledge_pb2_grpc
from services.retriever import metrics
from services.retriever.indexing import question
from services.retriever.ports import Embed, Hit, Index, Passage

log = structlog.get_logger()
T = TypeVar("T")
if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
else:
    Context = grpc.aio.ServicerContext

SERVICE = pb.DESCRIPTOR.services_by_name["Knowledge"].full_name
MOST_HITS = 50
LONGEST_QUERY = 20_000
"""Characters; a whole ticket with its messages fits."""
_SECONDS = 30.0


class Knowledge(knowledge_pb2_grpc.KnowledgeServicer):
    """The gRPC service over an index."""

    def __init__(self, index: Index, embed: Embed) -> None:
        self._index = index
        self._embed = embed

    async def Search(self, request: pb.SearchRequest, context: Context) -> pb.SearchResponse:  # noqa: N802 - the proto's
        async def search() -> pb.SearchResponse:
            _check(request)
            asked = await question(
                request.query, self._embed, language=request.language, limit=min(request.limit or 10, MOST_HITS)
            )
            return pb.SearchResponse(hits=[_hit(hit) for hit in await self._index.search(request.tenant, asked)])

        start = time.perf_counter()
        answer = await _answered(context, "Knowledge.Search", search)
        metrics.SEARCH_SECONDS.observe(time.perf_counter() - start)
        metrics.SEARCHES.labels("found" if answer.hits else "nothing").inc()
        return answer

    async def Get(self, request: pb.GetRequest, context: Context) -> pb.GetResponse:  # noqa: N802
        async def get() -> pb.GetResponse:
            _require("tenant", request.tenant)
            _require("id", request.id)
            return pb.GetResponse(passage=_passage(await self._index.get(request.tenant, request.id)))

        return await _answered(context, "Knowledge.Get", get)


async def server(index: Index, embed: Embed) -> grpc.aio.Server:
    """A server with health and reflection, neither bound nor started."""
    found = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    knowledge_pb2_grpc.add_KnowledgeServicer_to_server(Knowledge(index, embed), found)
    aio: Any = health.aio  # type: ignore[attr-defined]
    served = aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(served, found)
    for name in ("", SERVICE):
        await served.set(name, health_pb2.HealthCheckResponse.SERVING)
    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), found)
    return found


def bind(unbound: grpc.aio.Server, address: str) -> int:
    """The port on which the server will listen; port 0 in `address` takes a free one. `Invalid` when it cannot."""
    try:
        return unbound.add_insecure_port(address)
    except RuntimeError as error:
        raise Invalid(f"gRPC cannot listen on {address}: {error}: is AIVIS_RETRIEVER_GRPC_PORT free?") from error


async def _answered(context: Context, name: str, answer: Callable[[], Awaitable[T]]) -> T:
    """The answer, or the error as a status with details. The one place where any exception is caught."""
    remaining: float | None = context.time_remaining()  # None when the caller set no deadline
    try:
        async with asyncio.timeout(_SECONDS if remaining is None else max(0.0, remaining)):
            return await answer()
    except Exception as error:
        code, told = _told(error, name)
        metrics.SEARCHES.labels("failed").inc()
        status = status_pb2.Status(code=code.value[0], message=str(told)[:1_500], details=[_details(told, name)])
        await context.abort(code, status.message, (("grpc-status-details-bin", status.SerializeToString()),))
        raise


def _told(error: Exception, name: str) -> tuple[grpc.StatusCode, AivisError]:
    if isinstance(error, AivisError):
        return grpc_status(error), error
    if isinstance(error, TimeoutError):
        return grpc.StatusCode.DEADLINE_EXCEEDED, Unknown(f"{name}: time is up; ask again, with a longer deadline")
    log.error("request failed", request=name, exc_info=error)
    return grpc.StatusCode.INTERNAL, Unknown(f"{name}: {type(error).__name__}: {error}: a fault of the retriever")


def _details(error: AivisError, name: str) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.ErrorInfo(reason=type(error).__name__, domain=SERVICE, metadata={"request": name}))
    return packed


def _check(request: pb.SearchRequest) -> None:
    _require("tenant", request.tenant)
    _require("query", request.query.strip())
    if len(request.query) > LONGEST_QUERY:
        raise Invalid(f"query: {len(request.query)} characters; at most {LONGEST_QUERY} are searched for")
    if not 0 <= request.limit <= MOST_HITS:
        raise Invalid(f"limit: {request.limit}; give 1 to {MOST_HITS}, or 0 for 10")


def _require(field: str, value: str) -> None:
    if not value:
        raise Invalid(f"{field}: must not be empty")


def _hit(hit: Hit) -> pb.Hit:
    return pb.Hit(passage=_passage(hit.passage), score=hit.score, similarity=hit.similarity, coverage=hit.coverage)


def _passage(passage: Passage) -> pb.Passage:
    return pb.Passage(
        id=passage.id,
        document_id=passage.document_id,
        title=passage.title,
        section=passage.section,
        text=passage.text,
        source=passage.source,
        version=passage.version,
        language=passage.language,
    )
