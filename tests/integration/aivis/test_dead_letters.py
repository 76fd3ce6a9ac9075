"""Dead letters by HTTP: for operators alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import structlog

from aivis import dead_letters, topics
from aivis.admission import Admission, Received
from aivis.web import api
from tests.integration.aivis.mailbox.stand import Stand, arrival, event, running

ASKED = (
    ("GET", "/v1/dead"),
    ("GET", "/v1/dead/count"),
    ("POST", "/v1/dead/retry"),
    ("POST", "/v1/dead/drop"),
    ("GET", "/v1/dead/1"),
    ("POST", "/v1/dead/1/retry"),
)
NEAR, FAR = ("127.0.0.1", 5), ("203.0.113.9", 5)
TICKETS = Admission({topics.TICKETS.name: topics.TICKETS})


@asynccontextmanager
async def client(stand: Stand, *, token: str = "", peer: tuple[str, int] = NEAR) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(api(dead_letters.routes(stand.mailbox, token)), client=peer)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield http


async def quarantine(stand: Stand, *names: str, value: bytes | None = None) -> None:
    for name in names:
        came = arrival(event(name))
        body = came.value if value is None else value
        record = Received("aivis.gone", "aivis.gone[0]@7", b"acme/a", (*came.headers, ("raw", b"\xff\x00")), body)
        await stand.mailbox.take_in(*TICKETS.sort([record]))


async def test_letters_are_listed_newest_first_with_their_reasons(tmp_path: Path) -> None:
    async with running(tmp_path) as stand, client(stand) as http:
        await quarantine(stand, "0", "1")
        await stand.mailbox.receive([arrival(event("2"))._replace(value=b"{")])
        await stand.quiet()
        listed = (await http.get("/v1/dead")).json()
        assert [(letter["kind"], letter["topic"], letter["event"]) for letter in listed] == [
            ("buried", "aivis.tickets", "a-2"),
            ("quarantined", "aivis.gone", ""),
            ("quarantined", "aivis.gone", ""),
        ]
        assert listed[0]["reason"].startswith("aivis.tickets a-2: aivis.ticket.message-added: the body is not JSON")
        assert (listed[0]["tenant"], listed[0]["key"], listed[0]["bytes"]) == ("acme", "a", 1)
        assert listed[0]["id"] > listed[1]["id"] > listed[2]["id"]
        assert [letter["id"] for letter in (await http.get("/v1/dead?limit=2")).json()] == [
            letter["id"] for letter in listed[:2]
        ]


async def test_a_letter_is_shown_whole_whatever_its_bytes(tmp_path: Path) -> None:
    async with running(tmp_path) as stand, client(stand) as http:
        await quarantine(stand, "0")
        await quarantine(stand, "1", value=b"\xff\x00")
        [raw, text] = [
            (await http.get(f"/v1/dead/{letter['id']}")).json() for letter in (await http.get("/v1/dead")).json()
        ]
        assert (text["value"], text["value_encoding"]) == (arrival(event("0")).value.decode(), "utf-8")
        assert ["ce_id", "a-0", "utf-8"] in text["headers"]
        assert ["raw", "/wA=", "base64"] in text["headers"]
        assert (raw["value"], raw["value_encoding"]) == ("/wA=", "base64")


async def test_a_letter_that_is_good_now_goes_back_into_the_inbox(tmp_path: Path) -> None:
    async with running(tmp_path) as stand, client(stand) as http:
        await quarantine(stand, "0")
        stand.mailbox.admit = Admission({"aivis.gone": topics.TICKETS}).again
        [letter] = (await http.get("/v1/dead")).json()
        answer = await http.post(f"/v1/dead/{letter['id']}/retry")
        assert (answer.status_code, answer.json()) == (200, {"id": letter["id"], "retried": True})
        await stand.quiet()
        assert await stand.state("a") == ["a-0"]
        assert (await http.get("/v1/dead")).json() == []


async def test_a_letter_that_is_still_bad_stays_and_the_answer_says_why(tmp_path: Path) -> None:
    async with running(tmp_path) as stand, client(stand) as http:
        await quarantine(stand, "0")
        stand.mailbox.admit = TICKETS.again
        [letter] = (await http.get("/v1/dead")).json()
        answer = await http.post(f"/v1/dead/{letter['id']}/retry")
        assert answer.status_code == 422
        assert "does not read 'aivis.gone': it reads aivis.tickets" in answer.json()["detail"]
        assert (await http.get("/v1/dead")).json() == [letter]


async def test_letters_are_filtered_by_the_service(tmp_path: Path) -> None:
    async with running(tmp_path) as stand, client(stand) as http:
        await quarantine(stand, "0", "1")
        await stand.mailbox.receive([arrival(event("2"))._replace(value=b"{")])
        await stand.quiet()

        async def ids(query: str) -> list[int]:
            counted = (await http.get(f"/v1/dead/count?{query}")).json()
            found = [letter["id"] for letter in (await http.get(f"/v1/dead?{query}")).json()]
            assert sum(counted.values()) == len(found)
            return found

        buried, second, first = await ids("")
        assert await ids("kind=buried") == [buried]
        assert await ids("kind=quarantined") == [second, first]
        assert await ids("tenant=acme&key=a&topic=aivis.tickets&event=a-2&reason=IS NOT json") == [buried]
        assert await ids("tenant=globex") == []
        assert await ids("since=60") == [buried, second, first]
        assert await ids("older_than=60") == []
        page = await http.get(f"/v1/dead?before={second}")
        assert [letter["id"] for letter in page.json()] == [first]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("kind=lost", "kind='lost': give one of buried, quarantined"),
        ("since=1h", "since='1h': give a whole number"),
        ("older_than=-1", "older_than='-1': give a whole number"),
        ("tennant=acme", "'tennant' is not known: known are before, event, key, kind"),
        ("limit=1001", "limit='1001': give a whole number from 0 to 1000"),
    ],
)
async def test_a_filter_that_cannot_be_is_refused_by_name(tmp_path: Path, query: str, says: str) -> None:
    async with running(tmp_path) as stand, client(stand) as http:
        answer = await http.get(f"/v1/dead?{query}")
        assert answer.status_code == 422
        assert says in answer.json()["detail"]


async def test_of_several_letters_it_is_told_what_became_of_each(tmp_path: Path) -> None:
    async with running(tmp_path) as stand, client(stand) as http:
        await quarantine(stand, "0")
        await stand.mailbox.receive([arrival(event("1", "b"))._replace(value=b"{")])
        await stand.quiet()
        stand.mailbox.admit = Admission({"aivis.gone": topics.TICKETS}).again
        buried, quarantined = [letter["id"] for letter in (await http.get("/v1/dead")).json()]
        asked = {"ids": [buried, quarantined, 4711], "seconds": 5}
        became = (await http.post("/v1/dead/retry", json=asked)).json()
        assert [(each["id"], each["outcome"]) for each in became] == [
            (buried, "buried-again"),
            (quarantined, "done"),
            (4711, "gone"),
        ]
        [again] = (await http.get("/v1/dead")).json()
        assert (became[0]["letter"], became[0]["reason"]) == (again["id"], again["reason"])
        assert await stand.state("a") == ["a-0"]


async def test_who_drops_a_letter_is_written_into_the_log(tmp_path: Path) -> None:
    async with running(tmp_path) as stand, client(stand) as http:
        await quarantine(stand, "0")
        [letter] = (await http.get("/v1/dead")).json()
        with structlog.testing.capture_logs() as logs:
            answer = await http.post("/v1/dead/drop", json={"ids": [letter["id"], 4711], "by": "dana"})
        assert [(each["id"], each["outcome"]) for each in answer.json()] == [(letter["id"], "dropped"), (4711, "gone")]
        assert [line["by"] for line in logs if line["event"] == "dead letter dropped"] == ["dana at 127.0.0.1"]
        assert (await http.get("/v1/dead")).json() == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "the body is not JSON"),
        (b"[]", "(body): Input should be"),
        (b"{}", "ids: Field required"),
        (b'{"ids": [-1]}', "ids.0: Input should be greater"),
        (b'{"ids": ["x"]}', "ids.0: Input should be a valid integer"),
        (b'{"ids": [9223372036854775808]}', "ids.0: Input should be less"),
        (b'{"ids": [1], "second": 3}', "second: Extra inputs"),
        (b'{"ids": [1], "seconds": 31}', "seconds: Input should be less"),
        (b'{"ids": [' + b"1," * 1_000 + b"1]}", "ids: Tuple should have at most 1000 items"),
    ],
)
async def test_a_body_that_says_no_letters_is_refused_by_field(tmp_path: Path, body: bytes, says: str) -> None:
    async with running(tmp_path) as stand, client(stand) as http:
        answer = await http.post("/v1/dead/retry", content=body)
        assert answer.status_code == 422
        assert says in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/v1/dead/7", "/v1/dead/7/retry"])
async def test_a_letter_that_is_not_there_is_not_found(tmp_path: Path, path: str) -> None:
    async with running(tmp_path) as stand, client(stand) as http:
        answer = await http.request("POST" if path.endswith("retry") else "GET", path)
        assert (answer.status_code, answer.json()["detail"]) == (404, "reasoner has no dead letter 7")


@pytest.mark.parametrize("id", ["x", "-1", "1.5", "9" * 30, "%00", "٣"])
async def test_what_is_no_letter_s_id_is_refused(tmp_path: Path, id: str) -> None:
    async with running(tmp_path) as stand, client(stand) as http:
        assert (await http.get(f"/v1/dead/{id}")).status_code == 422
        assert (await http.post(f"/v1/dead/{id}/retry")).status_code == 422


@pytest.mark.parametrize(
    ("token", "peer", "authorization", "status"),
    [
        ("", NEAR, "", 200),
        ("", ("::1", 5), "", 200),
        ("", FAR, "", 403),
        ("", FAR, "Bearer ", 403),
        ("s3cret", NEAR, "", 403),
        ("s3cret", NEAR, "Bearer s3cre", 403),
        ("s3cret", FAR, "Bearer s3cret", 200),
        ("s3cret", FAR, "Bearer é", 403),
    ],
)
async def test_only_operators_and_callers_on_this_machine_see_letters(
    tmp_path: Path, token: str, peer: tuple[str, int], authorization: str, status: int
) -> None:
    async with running(tmp_path) as stand, client(stand, token=token, peer=peer) as http:
        headers = {b"authorization": authorization.encode("latin-1")} if authorization else {}
        for method, path in ASKED:
            answer = await http.request(method, path, headers=headers, content=b'{"ids": []}')
            assert answer.status_code == (404 if status == 200 and path.startswith("/v1/dead/1") else status)


async def test_while_the_database_is_away_letters_are_too(tmp_path: Path) -> None:
    async with running(tmp_path) as stand, client(stand) as http:
        await stand.mailbox.store.close()
        assert (await http.get("/v1/dead")).status_code == 503
