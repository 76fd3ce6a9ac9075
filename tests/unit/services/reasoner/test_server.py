"""Cases by HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from aivis.errors import AivisError
from aivis.events.envelope import body, headers_of
from aivis.mailbox.stores.sqlite.store import SqliteStore
from aivis.mailbox.values import Arrival, LogRow, Write
from aivis.service import problem
from services.reasoner.brains.playbook.moves import Move, Solved
from services.reasoner.server import CaseServer
from tests.unit.services.reasoner.cases import CASE, KEY, Run, Script, subtask

PATH = "/v1/tenants/acme/cases"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "reasoner.db")
    await opened.open()
    run = Run(Script(Move(Solved("instance_stopped", "It was stopped; I started it."), "seen")))
    await run.planned(subtask())
    await opened.receive([Arrival("1", KEY, "t", (), b"{}")])
    (lease,) = await opened.lease(1, seconds=30, messages=10)
    log = tuple(LogRow(e.sequence or 0, e.id, headers_of(e), body(e.data)) for e in run.log)
    await opened.commit([Write(KEY, lease.epoch, lease.version, run.state, run.case.status.value, log=log)])
    yield opened
    await opened.close()


def client(store: SqliteStore, token: str = "") -> httpx.AsyncClient:
    app = Starlette(routes=CaseServer(store, token).routes(), exception_handlers={AivisError: problem})
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_cases_are_listed_with_class_plan_step_and_outcome(store: SqliteStore) -> None:
    (case,) = (await client(store).get(PATH)).json()
    assert (case["case"], case["ticket"], case["outcome"]) == (CASE, "T-1", "answered")
    assert case["classification"]["scenario"] == "diagnostic"
    assert case["subtasks"] == ["goal s1"]
    assert case["step"] == "It was stopped; I started it."


async def test_a_status_that_does_not_exist_is_refused_with_those_that_do(store: SqliteStore) -> None:
    answer = await client(store).get(PATH, params={"status": "done"})
    assert answer.status_code == 422
    assert "resolved" in answer.json()["detail"]


async def test_the_log_is_read_on_from_a_sequence(store: SqliteStore) -> None:
    whole = (await client(store).get(f"{PATH}/{CASE}/events")).json()
    rest = (await client(store).get(f"{PATH}/{CASE}/events", params={"after": 3})).json()
    assert [each["sequence"] for each in whole] == [*range(1, len(whole) + 1)]
    assert rest == whole[3:]


async def test_another_tenants_case_is_not_found(store: SqliteStore) -> None:
    answer = await client(store).get(f"/v1/tenants/other/cases/{CASE}")
    assert answer.status_code == 404


async def test_with_a_token_nobody_reads_without_it(store: SqliteStore) -> None:
    assert (await client(store, "secret").get(PATH)).status_code == 403
    allowed = await client(store, "secret").get(PATH, headers={"Authorization": "Bearer secret"})
    assert allowed.status_code == 200
