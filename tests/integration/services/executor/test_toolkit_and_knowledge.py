"""The executor with a tool server written with the SDK, and with the retriever's knowledge as a tool."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc.aio

from aivis.events.actions import ActionFinished, FailureKind, Purpose
from aivis.toolkit import Arguments, Call, Repeat, Result, Risk, Serving, ToolSet, served
from aivis.v1 import knowledge_pb2 as pb
from aivis.v1 import tools_pb2
from aivis.v1.knowledge_pb2_grpc import KnowledgeServicer, add_KnowledgeServicer_to_server
from aivis.v1.tools_pb2_grpc import ToolsStub
from tests.integration.services.executor.at_work import TENANT, asked, at_work

Lamps = dict[str, bool]
tools = ToolSet[Lamps]()


class Switch(Arguments):
    """Switches a lamp."""

    id: str
    """The lamp."""
    size: int
    """Ignored."""


class Switched(Result):
    """A lamp that was switched."""

    was_on: bool
    """Whether it was on before."""


def off_again(arguments: Switch, result: Switched, call: Call[Lamps]) -> None:
    """Put it back."""
    call.system[arguments.id] = result.was_on


@tools.tool(
    name="lamp.switch_on",
    risk=Risk.REVERSIBLE,
    repeat=Repeat.DEDUPES,
    timeout=timedelta(seconds=5),
    dedupe_window=timedelta(days=1),
    repeats_safely="It sets a state.",
    resource="id",
    undo=off_again,
    owner="the tests",
)
def switch_on(arguments: Switch, call: Call[Lamps]) -> Switched:
    """Switch a lamp on."""
    was_on = call.system.get(arguments.id, False)
    call.system[arguments.id] = True
    return Switched(was_on=was_on)


async def test_an_effect_of_an_sdk_server_is_done_and_undone(tmp_path: Path) -> None:
    lamps: Lamps = {}
    serving = Serving(listen="127.0.0.1:0", journal=tmp_path / "journal.db", drain=timedelta(0))
    async with served(tools, serving, lambda _: lamps) as port, at_work(tmp_path, f"127.0.0.1:{port}") as executor:
        switched = asked("lamp.switch_on", "lamp")
        await executor.deliver(switched)
        assert (await executor.outcome(switched)).result == {"was_on": False}
        assert lamps == {"lamp": True}
        undo = asked("lamp.switch_on", "undo", resource="lamp", undoes=switched.id, purpose=Purpose.UNDO)
        await executor.deliver(undo)
        assert isinstance(await executor.outcome(undo), ActionFinished)
        assert lamps == {"lamp": False}


async def test_an_sdk_server_says_which_call_it_answers(tmp_path: Path) -> None:
    serving = Serving(listen="127.0.0.1:0", journal=tmp_path / "journal.db", drain=timedelta(0))
    arguments = b'{"id": "lamp", "size": 1}'
    about: dict[str, Any] = {"tool": "lamp.switch_on", "tenant": TENANT, "arguments": arguments}
    async with (
        served(tools, serving, lambda _: {}) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        stub = ToolsStub(channel)
        called = await stub.Call(tools_pb2.CallRequest(**about, key="k1"))
        looked_up = await stub.Lookup(tools_pb2.LookupRequest(**about, key="k1"))
        undone = await stub.Undo(tools_pb2.UndoRequest(**about, key="k2", undoes="k1", result=called.result))
    assert (called.key, looked_up.key, undone.key) == ("k1", "k1", "k2")


class Library(KnowledgeServicer):
    """One passage, and the last question."""

    asked: pb.SearchRequest

    async def Search(self, request: pb.SearchRequest, context: Any) -> pb.SearchResponse:  # noqa: N802
        self.asked = request
        passage = pb.Passage(id="p-1", title="Ports", section="Ports > Opening", text="Open it.", source="ports.md")
        return pb.SearchResponse(hits=[pb.Hit(passage=passage, score=0.9, similarity=0.5, coverage=0.75)])

    async def Get(self, request: pb.GetRequest, context: Any) -> pb.GetResponse:  # noqa: N802
        raise NotImplementedError


async def test_knowledge_is_searched_for_the_tenant_of_the_envelope(tmp_path: Path) -> None:
    library, server = Library(), grpc.aio.server()
    add_KnowledgeServicer_to_server(library, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    arguments = {"query": "how to open a port?", "limit": 3, "language": "en"}
    search = asked("knowledge.search", "search", arguments=arguments, purpose=Purpose.SEARCH)
    wrong = asked("knowledge.search", "wrong", arguments={"query": "x", "limit": 51}, purpose=Purpose.SEARCH)
    try:
        async with at_work(tmp_path, retriever=f"127.0.0.1:{port}") as executor:
            await executor.deliver(search, wrong)
            found, failed = await executor.outcomes([search, wrong])
            await executor.service.checks[f"retriever at 127.0.0.1:{port}"]()
    finally:
        await server.stop(None)
    [hit] = found.result["hits"]
    assert hit == {
        "passage_id": "p-1", "title": "Ports", "section": "Ports > Opening", "text": "Open it.", "source": "ports.md",
        "score": 0.9, "similarity": 0.5, "coverage": 0.75,
    }  # fmt: skip
    assert (library.asked.tenant, library.asked.limit, library.asked.language) == (TENANT, 3, "en")
    assert (failed.kind, "limit" in failed.message) == (FailureKind.INVALID, True)
