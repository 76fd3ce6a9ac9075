"""`aivis dead` against the services' own HTTP sides: what operators see and do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from typer.testing import CliRunner, Result

from aivis import dead_letters, topics
from aivis.admission import Admission, Received
from aivis.cli.embedded import SERVICES, Run
from aivis.cli.letters import seconds
from aivis.cli.main import app
from aivis.cli.shell import console, errors
from aivis.errors import Invalid
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Step
from aivis.web import api
from tests.integration.aivis.mailbox.stand import LIMITS, Script, Stand, arrival, echo, event, running
from tests.integration.services.broker import free_port

READS_NOTHING = Admission({})
READS_TICKETS = Admission({topics.TICKETS.name: topics.TICKETS})
REASON = "Invalid: the port is no number, and this goes on [bold]and on[/] " * 5


@dataclass
class Stack:
    """Services of which only the dead letters' side runs."""

    folder: Path
    stands: dict[str, Stand]
    broken: list[bool]
    """While this has something in it, everything is given up on."""

    async def aivis(self, *arguments: str, answer: str = "") -> Result:
        console.width = errors.width = 80
        whole = ["dead", *arguments, "--folder", str(self.folder)]
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, whole, input=answer))

    async def said(self, *arguments: str) -> str:
        answer = await self.aivis(*arguments)
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    async def listed(self, *filters: str) -> list[str]:
        return [letter["name"] for letter in orjson.loads(await self.said("list", "--json", *filters))]

    async def bury(self, service: str, *names: str, key: str = "a") -> None:
        await self.stands[service].deliver(*(event(name, key) for name in names))
        await self.stands[service].quiet()

    async def quarantine(self, service: str, *names: str) -> None:
        for name in names:
            came = arrival(event(name))
            record = Received("aivis.tickets", "aivis.tickets[0]@7", b"acme/a", came.headers, came.value)
            await self.stands[service].mailbox.take_in(*READS_NOTHING.sort([record]))


async def ready(_: Request) -> Response:
    return JSONResponse({"ready": True})


@asynccontextmanager
async def stack(folder: Path, *, token: str = "", away: str = "") -> AsyncIterator[Stack]:
    broken = [True]

    async def work(turn: Turn) -> Step:
        if broken:
            raise Invalid(REASON)
        return echo(turn)

    async with AsyncExitStack() as open_:
        open_.enter_context(structlog.testing.capture_logs())  # the services' logs are not the command's output
        stands = {}
        for name in SERVICES:
            (folder / name).mkdir()
            stands[name] = await open_.enter_async_context(running(folder / name, Script(work), limits=LIMITS))
            stands[name].mailbox.admit = READS_TICKETS.again
        mounts = [
            Mount(f"/{name}", api([Route("/ready", ready), *dead_letters.routes(stand.mailbox, token)]))
            for name, stand in stands.items()
        ]
        port = await open_.enter_async_context(serving(Starlette(routes=mounts)))
        texts: dict[str, Any] = {each.name: "none" for each in fields(Run) if each.name != "pid"}
        urls = {name: f"http://127.0.0.1:{port}/{name}" for name in SERVICES}
        if away:
            urls[away] = f"http://127.0.0.1:{free_port()}"
        open_.enter_context(Run(**{**texts, "tenant": "acme", **urls}).written(folder))
        yield Stack(folder, stands, broken)


@asynccontextmanager
async def serving(application: Starlette) -> AsyncIterator[int]:
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=free_port(), log_config=None))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield server.config.port
    finally:
        server.should_exit = True
        await task


async def test_letters_of_all_services_are_listed_in_lines_of_100_columns_with_names_to_use(tmp_path: Path) -> None:
    async with stack(tmp_path) as services:
        await services.bury("reasoner", "0")
        await services.quarantine("escalation", "1")
        lines = (await services.said("list")).splitlines()
        assert all(len(line.rstrip()) <= 100 for line in lines)
        heading, newest, oldest = lines
        assert heading.split() == ["letter", "kind", "tenant", "topic", "age", "reason"]
        assert newest.split()[:2] == ["escalation/1", "quarantined"]
        assert oldest.split()[:4] == ["reasoner/1", "buried", "acme", "aivis.tickets"]
        assert "Invalid: Invalid: the port" in oldest
        assert oldest.rstrip().endswith("…")
        places = {line.index(word) for line, word in ((heading, "reason"), (oldest, "Invalid"))}
        assert len(places) == 1, "aligned"
        shown = orjson.loads(await services.said("show", newest.split()[0]))
        assert (shown["name"], shown["kind"], shown["value_encoding"]) == ("escalation/1", "quarantined", "utf-8")


async def test_letters_are_filtered(tmp_path: Path) -> None:
    async with stack(tmp_path) as services:
        await services.bury("reasoner", "0")
        await services.bury("reasoner", "0", key="b")
        await services.quarantine("gateway", "1")
        assert await services.listed() == ["gateway/1", "reasoner/2", "reasoner/1"]
        assert await services.listed("--service", "reasoner", "--key", "a") == ["reasoner/1"]
        assert await services.listed("--kind", "quarantined") == ["gateway/1"]
        assert await services.listed("--reason", "PORT is no") == ["reasoner/2", "reasoner/1"]
        assert await services.listed("--tenant", "acme", "--topic", "aivis.tickets", "--service", "gateway") == [
            "gateway/1"
        ]
        assert await services.listed("--since", "1h", "--limit", "2") == ["gateway/1", "reasoner/2"]
        assert await services.listed("--older-than", "1h30m") == []
        assert "The newest 2; there are more" in await services.said("list", "--limit", "2")
        assert await services.said("list", "--tenant", "globex") == "none\n"


async def test_what_was_mended_is_put_back_and_done_and_doing_it_again_changes_nothing(tmp_path: Path) -> None:
    async with stack(tmp_path) as services:
        await services.bury("reasoner", "0", "1")
        services.broken.clear()
        assert "reasoner/1  put back and done" in await services.said("retry", "reasoner/1", "--service", "reasoner")
        told = await services.said("retry", "reasoner/1", "2", "--service", "reasoner", "--json")
        assert [(each["name"], each["outcome"]) for each in orjson.loads(told)] == [
            ("reasoner/1", "gone"),
            ("reasoner/2", "done"),
        ]
        assert "gone: it was put back or dropped before" in await services.said("retry", "reasoner/2")
        assert await services.stands["reasoner"].state("a") == ["a-0", "a-1"]


async def test_what_is_still_bad_is_told_with_its_new_name_and_stops_no_other(tmp_path: Path) -> None:
    async with stack(tmp_path) as services:
        await services.bury("reasoner", "0")
        await services.quarantine("gateway", "1")
        services.stands["gateway"].mailbox.admit = READS_NOTHING.again
        await services.quarantine("executor", "2")
        services.stands["executor"].script.work = None
        answer = await services.aivis("retry", "reasoner/1", "gateway/1", "executor/1")
        assert answer.exit_code == 1
        told = {line.split()[0]: line for line in answer.stdout.splitlines()}
        assert "buried again as reasoner/2: Invalid: Invalid: the port" in told["reasoner/1"]
        assert "still bad, it stays: aivis.tickets letter 1: this service does not read" in told["gateway/1"]
        assert "put back and done" in told["executor/1"]
        assert all(len(line.rstrip()) <= 100 for line in told.values())
        assert await services.listed() == ["reasoner/2", "gateway/1"]


@pytest.mark.parametrize(("verb", "done"), [("retry", "put back and done"), ("drop", "dropped for good")])
async def test_with_filters_it_says_how_many_and_asks(tmp_path: Path, verb: str, done: str) -> None:
    async with stack(tmp_path) as services:
        await services.bury("reasoner", *(str(n) for n in range(12)))
        await services.bury("executor", "0")
        services.broken.clear()
        filters = (verb, "--reason", "the port")
        answer = await services.aivis(*filters, answer="n\n")
        assert answer.exit_code == 1
        assert "13 messages (1 of executor, 12 of reasoner)" in answer.stderr
        assert "... and 3 more" in answer.stderr
        assert ("This cannot be undone" in answer.stderr) == (verb == "drop")
        assert len(await services.listed()) == 13, "nothing was done"
        answer = await services.aivis(*filters, "--service", "executor", answer="y\n")
        assert answer.exit_code == 0
        assert f"executor/1  {done}" in answer.stdout
        assert (await services.said(*filters, "--yes")).count(done) == 12
        assert await services.said(*filters, "--yes") == "none\n"
        assert await services.listed() == []
        assert len(await services.stands["reasoner"].state("a")) == (12 if verb == "retry" else 0)


async def test_several_pages_of_letters_are_all_put_back_in_their_order(tmp_path: Path) -> None:
    async with stack(tmp_path) as services:
        names = [str(n) for n in range(1_003)]
        await services.quarantine("reasoner", *names)
        services.broken.clear()
        assert len(await services.listed("--limit", "2000")) == 1_003
        outcomes = orjson.loads(await services.said("retry", "--service", "reasoner", "--yes", "--json"))
        assert {each["outcome"] for each in outcomes} == {"done"}
        assert await services.stands["reasoner"].state("a") == [f"a-{name}" for name in names]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("retry",), "which letters?"),
        (("drop",), "which letters?"),
        (("drop", "reasoner/1", "--tenant", "acme"), "both letters and filters (tenant)"),
        (("retry", "17"), "'17' names no letter: give SERVICE/ID"),
        (("retry", "planer/1"), "'planer/1' names no letter"),
        (("show", "reasoner/1"), "there is no letter reasoner/1"),
        (("list", "--service", "planer"), "there is no service 'planer'; there are gateway, planner"),
        (("list", "--since", "soon"), "'soon' is no span of time: write it like 90s, 15m, 2h, 7d or 1d12h"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_what_to_say(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    async with stack(tmp_path) as services:
        answer = await services.aivis(*arguments)
        assert answer.exit_code == 1
        assert says in answer.stderr


async def test_a_service_that_does_not_answer_is_named_and_hides_no_other(tmp_path: Path) -> None:
    async with stack(tmp_path, away="planner") as services:
        await services.bury("reasoner", "0")
        for arguments in (("list",), ("retry", "planner/3", "reasoner/1")):
            answer = await services.aivis(*arguments)
            assert answer.exit_code == 1
            assert "planner does not answer" in answer.stderr
            assert "reasoner/1" in answer.stdout


async def test_operators_show_their_token(tmp_path: Path) -> None:
    async with stack(tmp_path, token="s3cret") as services:
        assert (await services.aivis("list")).exit_code == 1
        assert await services.said("list", "--token", "s3cret") == "none\n"


async def test_doctor_names_the_services_that_have_letters(tmp_path: Path) -> None:
    async with stack(tmp_path) as services:
        await services.bury("reasoner", "0", "1")
        await services.quarantine("gateway", "2")
        argv = ["doctor", "--folder", str(tmp_path)]
        answer = await asyncio.to_thread(lambda: CliRunner().invoke(app, argv))
        assert answer.exit_code == 1
        troubles = [line for line in answer.stdout.splitlines() if line.startswith("mend")]
        told = "messages could not be handled ({}): `aivis dead list --service {}` says why"
        assert troubles == [
            "mend gateway: " + told.format("1 quarantined", "gateway"),
            "mend reasoner: " + told.format("2 buried", "reasoner"),
        ]


def test_spans_of_time_are_read_and_told() -> None:
    assert [seconds(text) for text in ("90s", "15m", "2h", "7d", "1d12h")] == [90, 900, 7_200, 604_800, 129_600]
    for text in ("", "5", "h", "1h 2m", "-1h", "1y"):
        with pytest.raises(Invalid):
            seconds(text)
