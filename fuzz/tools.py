"""What tools, models and other services say: declarations, results, errors, a model's stream and its calls."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import grpc
import grpc.aio
import orjson
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from pydantic import BaseModel, Field

from aivis.events.envelope import MAX_PAYLOAD_BYTES
from aivis.toolkit.declaration import Repeat, Risk
from aivis.toolkit.status import validated
from aivis.v1 import knowledge_pb2, tools_pb2
from fuzz.harness import Harness, samples
from services.executor import declarations, parameters
from services.executor.ports import Declaration
from services.executor.providers import grpc as provider
from services.executor.providers.channel import Connection
from services.executor.providers.knowledge import DECLARATION, _hit
from services.reasoner.brains.model import reading
from services.reasoner.brains.model.gathering import Gathered
from services.retriever import server as retriever

_SCHEMA = b'{"type":"object","properties":{"id":{"type":"string","pattern":"^a+$"},"n":{"type":["integer","null"]}},"required":["id"],"additionalProperties":false}'  # noqa: E501 - one line is one schema
_DECLARED = Declaration(
    name="test.change", description="Changes.", arguments_schema=_SCHEMA.decode(), result_schema=_SCHEMA.decode(),
    risk=Risk.REVERSIBLE, repeat=Repeat.DEDUPES, timeout=timedelta(seconds=5), dedupe_window=timedelta(hours=1),
    settling_time=timedelta(0), undoable=True, owner="fuzz", resource_argument="id", version="1",
)  # fmt: skip
_TOOL = declarations.checked(_DECLARED)


class _Arguments(BaseModel):
    """What a tool's function takes."""

    id: str = Field(pattern="^a+$", max_length=10)
    n: int | None = None
    deep: dict[str, list[float]] = {}


def _declaration(data: bytes) -> None:
    """Two schemas a line each, and a document that is checked against them."""
    arguments, _, rest = data.partition(b"\n")
    result, _, content = rest.partition(b"\n")
    schemas = arguments.decode(errors="replace"), result.decode(errors="replace")
    tool = declarations.checked(replace(_DECLARED, arguments_schema=schemas[0], result_schema=schemas[1]))
    document = tool.read_result(content)
    tool.check_arguments(document)
    parameters.resource(tool.name, document, "id")


def _declarations() -> Sequence[bytes]:
    reference = b'{"type":"object","properties":{"id":{"$ref":"#/$defs/a"}},"$defs":{"a":{"type":"string"}},"additionalProperties":false}'  # noqa: E501
    plain = b'{"type":"object","properties":{"id":{"type":"string"}},"additionalProperties":false}'
    own = [DECLARATION.arguments_schema.encode(), DECLARATION.result_schema.encode(), b"{}"]
    return [b"\n".join([plain, reference, b'{"id":"a"}']), b"\n".join([_SCHEMA, _SCHEMA, b'{"id":"aa","n":1}']),
            b"\n".join(own)]  # fmt: skip


def _result(data: bytes) -> None:
    """A tool's result, and the same bytes as a tool's own arguments."""
    for call in (lambda: validated(_Arguments, data, what="arguments"), lambda: _TOOL.read_result(data)):
        try:
            found = call()
        except HARNESSES[0].errors:
            continue
        if isinstance(found, dict):
            parameters.canonical(found)
            parameters.open_to_everyone(found)


def _message(data: bytes) -> None:
    """Bytes of messages, as gRPC hands them over: what gRPC itself refuses never comes to us."""
    kind, _, content = data.partition(b"\n")
    try:
        if kind == b"tools":
            for tool in tools_pb2.ListResponse.FromString(content).tools:
                declarations.checked(provider._declaration(tool))
        elif kind == b"hits":
            orjson.dumps([_hit(hit) for hit in knowledge_pb2.SearchResponse.FromString(content).hits])
        elif kind == b"search":
            retriever._check(knowledge_pb2.SearchRequest.FromString(content))
        else:
            raise _error(content)
    except DecodeError:
        return


def _error(content: bytes) -> Exception:
    """What we make of an error with these details."""
    metadata = grpc.aio.Metadata(("grpc-status-details-bin", content))
    error = grpc.aio.AioRpcError(grpc.StatusCode.INVALID_ARGUMENT, grpc.aio.Metadata(), metadata, "no", "")
    return Connection("127.0.0.1:1", what="tools").error(error, doing="calling")


def _messages() -> Sequence[bytes]:
    tool, hit = orjson.loads(samples("grpc/ListResponse.json")[0]), orjson.loads(samples("grpc/SearchResponse.json")[0])
    search = orjson.loads(samples("grpc/SearchRequest.json")[0])
    return [
        b"tools\n" + ParseDict(tool, tools_pb2.ListResponse()).SerializeToString(),
        b"hits\n" + ParseDict(hit, knowledge_pb2.SearchResponse()).SerializeToString(),
        b"search\n" + ParseDict(search, knowledge_pb2.SearchRequest()).SerializeToString(),
        b"error\n" + status_pb2.Status(code=3, message="no").SerializeToString(),
    ]


def _model(data: bytes) -> None:
    """A stream, a chunk a line; then its calls' arguments against a schema."""
    gathered = Gathered()
    for line in data.split(b"\n"):
        try:
            chunk = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        gathered.add(chunk)
    answer = gathered.answer()
    assert len(orjson.dumps(answer.text)) < 8 * MAX_PAYLOAD_BYTES
    for call in answer.calls:
        reading._arguments({"name": call.name, "arguments": call.arguments}, orjson.loads(_SCHEMA))


def _streams() -> Sequence[bytes]:
    call = {"index": 0, "id": "c", "function": {"name": "test_change", "arguments": '{"id":"aa"}'}}
    chunks = [
        {"choices": [{"delta": {"content": "So"}}]},
        {"choices": [{"delta": {"tool_calls": [call]}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
    ]
    return [b"\n".join(map(orjson.dumps, chunks))]


HARNESSES = (
    Harness(
        "declarations", "declared tools and their JSON schemas", _declaration,
        (
            "services/executor/declarations.py:_schema", "services/executor/declarations.py:_validator",
            "services/executor/declarations.py:read_object",
        ),
        _declarations,
    ),
    Harness(
        "results", "results and arguments of tools", _result, ("aivis/toolkit/status.py:validated",),
        lambda: [b'{"id":"aa","n":1}', b'{"id":"a","deep":{"x":[1.5]}}', b'{"id":"0.0.0.0/0"}'],
    ),
    Harness(
        "messages", "gRPC messages of tool servers and the retriever", _message,
        ("services/executor/providers/channel.py:_details", "services/executor/providers/grpc.py:_span"), _messages,
    ),
    Harness(
        "model", "a model's stream and its calls", _model,
        (
            "services/reasoner/brains/model/gathering.py:Gathered.add",
            "services/reasoner/brains/model/reading.py:_arguments",
        ),
        _streams,
    ),
)  # fmt: skip
