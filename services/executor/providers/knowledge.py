"""The retriever's knowledge, as the tool knowledge.search."""

from datetime import timedelta

import grpc.aio
import orjson

from aivis.errors import Invalid, Refused
from aivis.failpoints import around
from aivis.toolkit.declaration import Repeat, Risk
from aivis.v1 import knowledge_pb2 as pb
from aivis.v1.knowledge_pb2_grpc import KnowledgeStub
from services.executor.ports import Call, Declaration, Found, Undone
from services.executor.providers.channel import Connection

NAME = "knowledge.search"
_ARGUMENTS = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "minLength": 1, "maxLength": 4_000, "description": "The question, in plain words."},
        "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10, "description": "How many."},
        "language": {
            "type": "string",
            "maxLength": 35,
            "default": "",
            "description": "BCP 47 tag: only passages in this language; empty for all.",
        },
    },
    "required": ["query"],
    "additionalProperties": False,
}
_TEXT = {"type": "string"}
_SCORE = {"type": "number"}
_HIT = {
    **dict.fromkeys(("passage_id", "title", "section", "text", "source"), _TEXT),
    **dict.fromkeys(("score", "similarity", "coverage"), _SCORE),
}
_RESULT = {
    "type": "object",
    "properties": {
        "hits": {
            "type": "array",
            "description": "Passages, best first.",
            "items": {"type": "object", "properties": _HIT, "required": list(_HIT), "additionalProperties": False},
        }
    },
    "required": ["hits"],
    "additionalProperties": False,
}
DECLARATION = Declaration(
    name=NAME,
    description="Searches the tenant's knowledge for passages about a question. Use it before answering anything.",
    arguments_schema=orjson.dumps(_ARGUMENTS).decode(),
    result_schema=orjson.dumps(_RESULT).decode(),
    risk=Risk.READ,
    repeat=Repeat.DEDUPES,
    timeout=timedelta(seconds=15),
    dedupe_window=timedelta(0),
    settling_time=timedelta(0),
    undoable=False,
    owner="the retriever's operator",
    resource_argument="",
    version="1",
)


class KnowledgeSearch:
    """The retriever at `address` (HOST:PORT); see `ToolProvider`."""

    def __init__(self, address: str) -> None:
        self._connection = Connection(address, what="retriever")

    @property
    def name(self) -> str:
        return self._connection.name

    @property
    def address(self) -> str:
        return self._connection.address

    async def declared(self) -> list[Declaration]:
        return [DECLARATION]

    async def call(self, call: Call) -> bytes:
        asked = orjson.loads(call.arguments)
        stub = KnowledgeStub(await self._connection.open())
        request = pb.SearchRequest(
            tenant=call.tenant, query=asked["query"], limit=asked.get("limit", 10), language=asked.get("language", "")
        )
        try:
            with around("knowledge.search"):
                answer = await stub.Search(request, timeout=call.timeout.total_seconds())
        except grpc.aio.AioRpcError as error:
            raise self._connection.error(error, doing="searching knowledge") from error
        return orjson.dumps({"hits": [_hit(hit) for hit in answer.hits]})

    async def lookup(self, call: Call) -> Found:
        raise Invalid(f"{call.tool} changes nothing: there is nothing to look up")

    async def undo(self, call: Call, undone: Undone) -> bytes:
        raise Refused(f"{call.tool} changes nothing: there is nothing to undo")

    async def check(self) -> None:
        await self._connection.open(seconds=2)

    async def close(self) -> None:
        await self._connection.close()


def _hit(hit: pb.Hit) -> dict[str, str | float]:
    passage = hit.passage
    return {
        "passage_id": passage.id,
        "title": passage.title,
        "section": passage.section,
        "text": passage.text,
        "source": passage.source,
        "score": hit.score,
        "similarity": hit.similarity,
        "coverage": hit.coverage,
    }
