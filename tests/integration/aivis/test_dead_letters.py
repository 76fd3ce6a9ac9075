"""Dead letters by HTTP: for operators alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from aivis import dead_letters, topics
from aivis.admission import Admission, Received
from aivis.web import api
from tests.integration.aivis.mailbox.stand import Stand, arrival, event, running

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
        for method, path in (("GET", "/v1/dead"), ("GET", "/v1/dead/1"), ("POST", "/v1/dead/1/retry")):
            answer = await http.request(method, path, headers=headers)
            assert answer.status_code == (status if path == "/v1/dead" or status == 403 else 404)


async def test_while_the_database_is_away_letters_are_too(tmp_path: Path) -> None:
    async with running(tmp_path) as stand, client(stand) as http:
        await stand.mailbox.store.close()
        assert (await http.get("/v1/dead")).status_code == 503
