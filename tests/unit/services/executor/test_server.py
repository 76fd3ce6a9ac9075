from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from aivis.errors import AivisError
from aivis.events.envelope import headers_of
from aivis.mailbox.stores.sqlite.store import SqliteStore
from aivis.mailbox.values import Arrival, Key, Write
from aivis.service import problem
from services.executor.catalogue import Catalogue
from services.executor.server import Api
from services.executor.stops import stops_for
from tests.unit.services.executor.making import ACTION, DEDUPES, READ, TENANT, FakeTools, event, in_intent, request

NEAR = ("127.0.0.1", 40_000)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "executor.db")
    await store.open()
    yield store
    await store.close()


@asynccontextmanager
async def client(
    store: SqliteStore, *, token: str = "", given: str = "", caller: tuple[str, int] = NEAR
) -> AsyncIterator[httpx.AsyncClient]:
    catalogue = Catalogue([FakeTools([READ, DEDUPES, READ.__class__(**{**vars(READ), "name": "bad"})])])
    await catalogue.refresh()
    app = Starlette(routes=Api(catalogue, store, token).routes(), exception_handlers={AivisError: problem})
    headers = {"authorization": f"Bearer {given}"} if given else {}
    transport = httpx.ASGITransport(app, client=caller)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as http:
        yield http


async def keep(store: SqliteStore) -> None:
    """Put one action in INTENT into the ledger."""
    entry = in_intent("test.dedupes")
    asked = event(request())
    await store.receive([Arrival(asked.id, Key(TENANT, ACTION), "", headers_of(asked), b"{}")])
    [lease] = await store.lease(1, seconds=30, messages=1)
    await store.commit([Write(lease.key, lease.epoch, lease.version, entry.dump(), entry.state.value)])


async def test_the_catalogue_shows_declarations_and_what_was_refused(store: SqliteStore) -> None:
    async with client(store) as http:
        shown = (await http.get("/v1/tools")).json()
    assert [tool["name"] for tool in shown["tools"]] == ["test.dedupes", "test.read"]
    assert shown["tools"][0]["arguments_schema"]["required"] == ["id"]
    assert shown["tools"][0]["dedupe_window_seconds"] == 3600
    [problem_shown] = shown["problems"]
    assert problem_shown["tool"] == "bad"
    assert "DOMAIN.VERB" in problem_shown["says"]


async def test_the_ledger_shows_an_action_to_who_names_its_tenant(store: SqliteStore) -> None:
    await keep(store)
    async with client(store) as http:
        shown = (await http.get(f"/v1/actions/{ACTION}", params={"tenant": TENANT})).json()
        assert (shown["state"], shown["action"], shown["terms"]["resource"]) == ("INTENT", ACTION, "i-1")
        assert (await http.get(f"/v1/actions/{ACTION}", params={"tenant": "beta"})).status_code == 404
        assert (await http.get(f"/v1/actions/{ACTION}")).status_code == 422


async def test_actions_are_found_by_state(store: SqliteStore) -> None:
    await keep(store)
    async with client(store) as http:
        found = (await http.get("/v1/actions", params={"state": "intent,ambiguous"})).json()["actions"]
        assert [each["action"] for each in found] == [ACTION]
        assert (await http.get("/v1/actions", params={"state": "done"})).json() == {"actions": []}
        assert (await http.get("/v1/actions", params={"state": "gone"})).status_code == 422
        assert (await http.get("/v1/actions", params={"limit": "all"})).status_code == 422


async def test_a_stop_holds_the_name_that_effects_ask_for_until_it_is_taken_back(store: SqliteStore) -> None:
    async with client(store) as http:
        assert (await http.post("/v1/stops", json={"tenant": TENANT, "tool": "test.dedupes"})).status_code == 201
        assert (await http.post("/v1/stops")).json() == {"tenant": "*", "tool": ""}
        held = {(tenant, name) for tenant, name, _ in await store.holds(prefix="")}
        assert held == {(TENANT, stops_for("test.dedupes")[1]), ("*", stops_for("test.dedupes")[0])}
        assert (await http.get("/v1/stops")).json() == {
            "stops": [{"tenant": "*", "tool": ""}, {"tenant": TENANT, "tool": "test.dedupes"}]
        }
        await http.delete("/v1/stops", params={"tenant": TENANT, "tool": "test.dedupes"})
        await http.request("DELETE", "/v1/stops", json={})
        assert (await http.get("/v1/stops")).json() == {"stops": []}


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"tenant": "a b"}', b'{"tool": 3}'])
async def test_a_stop_that_cannot_be_read_stops_nothing_and_says_why(store: SqliteStore, body: bytes) -> None:
    async with client(store) as http:
        answer = await http.post("/v1/stops", content=body)
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("stop: field")
        assert (await http.get("/v1/stops")).json() == {"stops": []}


LATER = "2126-12-24T18:00:00Z"


async def test_a_freeze_is_set_listed_and_ended(store: SqliteStore) -> None:
    body = {"tenant": TENANT, "tool": "test.dedupes", "ends": LATER, "reason": "the quarter is closed"}
    async with client(store) as http:
        made = await http.post("/v1/freezes", json=body)
        assert made.status_code == 201
        assert (await http.post("/v1/freezes", json=body)).json()["id"] == made.json()["id"]
        [shown] = (await http.get("/v1/freezes")).json()["freezes"]
        assert {name: shown[name] for name in body} == body
        assert shown["begins"] is not None
        [window] = await store.windows(prefix="")
        assert (window.tenant, window.hold) == (TENANT, stops_for("test.dedupes")[1])
        assert (await http.delete("/v1/freezes", params={"id": shown["id"]})).status_code == 404
        ended = await http.delete("/v1/freezes", params={"id": shown["id"], "tenant": TENANT})
        assert ended.status_code == 200
        assert (await http.get("/v1/freezes")).json() == {"freezes": []}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"reason": "x"}, "field ends"),
        ({"ends": LATER}, "field reason"),
        ({"ends": "2126-12-24T18:00:00", "reason": "x"}, "field ends: Input should have timezone info"),
        ({"ends": "2020-12-24T18:00:00Z", "reason": "x"}, "is over already"),
        ({"begins": LATER, "ends": LATER, "reason": "x"}, "not after its beginning"),
    ],
)
async def test_a_freeze_that_makes_no_sense_freezes_nothing_and_says_why(
    store: SqliteStore, body: dict[str, str], says: str
) -> None:
    async with client(store) as http:
        answer = await http.post("/v1/freezes", json=body)
        assert answer.status_code == 422
        assert says in answer.json()["detail"]
        assert (await http.get("/v1/freezes")).json() == {"freezes": []}


@pytest.mark.parametrize("path", ["/v1/tools", "/v1/freezes", "/v1/actions", "/v1/actions/x?tenant=t", "/v1/stops"])
async def test_without_a_token_only_callers_on_this_machine_are_answered(store: SqliteStore, path: str) -> None:
    async with client(store, caller=("192.0.2.1", 40_000)) as http:
        assert (await http.get(path, headers={"x-forwarded-for": "127.0.0.1"})).status_code == 403
    async with client(store, caller=("::1", 40_000)) as http:
        assert (await http.get(path)).status_code != 403


async def test_with_a_token_every_caller_must_give_it(store: SqliteStore) -> None:
    async with client(store, token="secret") as http:
        assert (await http.post("/v1/stops")).status_code == 403
    async with client(store, token="secret", given="wrong") as http:
        assert (await http.post("/v1/stops")).status_code == 403
    async with client(store, token="secret", given="secret", caller=("192.0.2.1", 40_000)) as http:
        assert (await http.post("/v1/stops")).status_code == 201
