import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aivis import identity
from aivis.access import Grant, Role, fingerprint
from aivis.events.envelope import Event, Payload
from aivis.events.replies import Citation, Outcome, OutcomeReached, ReplyKind, ReplySent, Status, StatusChanged
from aivis.events.tickets import TicketMessageAdded, TicketOpened
from services.gateway.main import build
from services.gateway.settings import GatewaySettings
from tests.integration.services.working import Working, working

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
TICKET = {"ticket": "T-1", "customer": "c-7", "subject": "No access", "text": "SSH times out."}
CASE = identity.case_id("acme", "desk", "T-1")
GRANTS = (
    Grant(name="desk", role=Role.UPSTREAM, tenants=("acme",), source="desk", sha256=fingerprint("acme-key")),
    Grant(name="other", role=Role.UPSTREAM, tenants=("globex",), source="desk", sha256=fingerprint("globex-key")),
    Grant(name="ada", role=Role.EXPERT, tenants=("acme",), sha256=fingerprint("expert-key")),
)
GLOBEX = {"authorization": "Bearer globex-key"}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Working]:
    settings = GatewaySettings(database=f"sqlite:{tmp_path}", artifacts=tmp_path / "artifacts", keys=GRANTS)
    async with working(build(settings), "acme-key") as found:
        yield found


def said(data: Payload, id: str) -> Event:
    return Event(id=id, type=data.TYPE, source="reasoner", tenant="acme", case=CASE, time=NOW, data=data)


async def test_an_accepted_ticket_is_durable_readable_at_once_and_published(gateway: Working) -> None:
    answer = await gateway.http.post("/v1/tickets", json=TICKET, headers={"idempotency-key": "k1"})

    address = f"/v1/tickets/{CASE}"
    assert answer.status_code == 202
    assert answer.json() == {"case": CASE, "ticket": "T-1", "event": "k1", "status_url": address}
    assert answer.headers["location"] == address
    assert (await gateway.http.get(address)).json()["status"] == "open"
    await gateway.quiet()
    [event] = gateway.shelf.on("aivis.tickets")
    assert isinstance(event.data, TicketOpened)
    assert event.case == CASE


async def test_the_same_event_again_is_accepted_again_and_changes_nothing(gateway: Working) -> None:
    first = await gateway.http.post("/v1/tickets", json=TICKET, headers={"idempotency-key": "k1"})
    again = await gateway.http.post("/v1/tickets", json=TICKET, headers={"idempotency-key": "k1"})
    await gateway.quiet()

    assert (again.status_code, again.json()) == (202, first.json())
    assert len(gateway.shelf.on("aivis.tickets")) == 1


async def test_the_same_event_id_with_another_body_is_a_conflict(gateway: Working) -> None:
    await gateway.http.post("/v1/tickets", json=TICKET, headers={"idempotency-key": "k1"})
    answer = await gateway.http.post("/v1/tickets", json=TICKET | {"text": "no"}, headers={"idempotency-key": "k1"})

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert "another body" in answer.json()["detail"]


async def test_two_tenants_may_use_the_same_ids(gateway: Working) -> None:
    ours = await gateway.http.post("/v1/tickets", json=TICKET, headers={"idempotency-key": "k1"})
    other = TICKET | {"text": "Other words."}
    theirs = await gateway.http.post("/v1/tickets", json=other, headers={"idempotency-key": "k1"} | GLOBEX)

    assert theirs.status_code == 202
    assert theirs.json()["case"] != ours.json()["case"]


@pytest.mark.parametrize("path", ["", "/messages", "/state", "/replies", "/events"])
async def test_a_tenant_sees_nothing_of_another_s_tickets(gateway: Working, path: str) -> None:
    await gateway.http.post("/v1/tickets", json=TICKET)
    for id in (CASE, "T-1"):
        if path in ("/messages", "/state"):
            body = {"text": "hi"} if path == "/messages" else {"state": "closed"}
            answer = await gateway.http.post(f"/v1/tickets/{id}{path}", json=body, headers=GLOBEX)
        else:
            answer = await gateway.http.get(f"/v1/tickets/{id}{path}", headers=GLOBEX)
        assert answer.status_code == 404
    assert (await gateway.http.get("/v1/tickets", headers=GLOBEX)).json() == {"tickets": []}


@pytest.mark.parametrize(
    ("headers", "message"),
    [({"authorization": ""}, "no API key"), ({"authorization": "Bearer nonsense"}, "not known"),
     ({"authorization": "Bearer expert-key"}, "not known"), ({"authorization": "Basic acme-key"}, "no API key")],
)  # fmt: skip
async def test_without_a_key_of_the_gateway_nothing_is_served(
    gateway: Working, headers: dict[str, str], message: str
) -> None:
    for answer in (
        await gateway.http.post("/v1/tickets", json=TICKET, headers=headers),
        await gateway.http.get("/v1/tickets", headers=headers),
        await gateway.http.post("/v1/attachments", content=b"x", headers=headers),
    ):
        assert answer.status_code == 401
        assert "www-authenticate" in answer.headers
        assert message in answer.json()["detail"]


async def test_a_key_may_come_as_a_header_of_its_own(gateway: Working) -> None:
    answer = await gateway.http.get("/v1/tickets", headers={"authorization": "", "x-api-key": "acme-key"})

    assert answer.status_code == 200


async def test_errors_say_what_is_wrong_where(gateway: Working) -> None:
    broken = await gateway.http.post("/v1/tickets", content=b"{", headers={"content-type": "application/json"})
    empty = await gateway.http.post("/v1/tickets", json=TICKET | {"text": ""})
    media = await gateway.http.post("/v1/tickets", content=b"hi", headers={"content-type": "text/plain"})
    unknown = await gateway.http.post("/v1/tickets/T-9/messages", json={"text": "hi"})
    nowhere = await gateway.http.get("/v1/nothing")
    method = await gateway.http.delete("/v1/tickets")

    assert [a.status_code for a in (broken, empty, media, unknown, nowhere, method)] == [400, 422, 415, 404, 404, 405]
    assert empty.json()["field"] == "text"
    assert "POST /v1/tickets opens one" in unknown.json()["detail"]
    assert {a.headers["content-type"] for a in (broken, empty, media, unknown, nowhere, method)} == {
        "application/problem+json"
    }


async def test_a_body_over_a_mebibyte_is_refused_however_it_is_sent(gateway: Working) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b"x" * 65536

    json = {"content-type": "application/json"}
    declared = await gateway.http.post("/v1/tickets", content=b"x" * (2**20 + 1), headers=json)
    streamed = await gateway.http.post("/v1/tickets", content=chunks(), headers=json)

    assert [declared.status_code, streamed.status_code] == [413, 413]
    assert "/v1/attachments" in streamed.json()["detail"]


async def test_messages_and_states_follow_their_ticket_by_case_or_by_its_own_id(gateway: Working) -> None:
    await gateway.http.post("/v1/tickets", json=TICKET)
    by_case = await gateway.http.post(f"/v1/tickets/{CASE}/messages", json={"text": "And HTTP?"})
    by_ticket = await gateway.http.post("/v1/tickets/T-1/state", json={"state": "withdrawn"})
    await gateway.quiet()

    assert [by_case.json()["case"], by_ticket.json()["case"]] == [CASE, CASE]
    assert [event.type for event in gateway.shelf.on("aivis.tickets")] == [
        "aivis.ticket.opened",
        "aivis.ticket.message-added",
        "aivis.ticket.withdrawn",
    ]


async def test_a_state_that_is_none_is_refused_with_its_field(gateway: Working) -> None:
    await gateway.http.post("/v1/tickets", json=TICKET)
    answer = await gateway.http.post(f"/v1/tickets/{CASE}/state", json={"state": "lost"})

    assert (answer.status_code, answer.json()["field"]) == (422, "state")


async def test_the_status_shows_replies_with_their_citations_and_the_outcome(gateway: Working) -> None:
    await gateway.http.post("/v1/tickets", json=TICKET)
    cited = Citation(passage="p1", title="Security groups", source="kb://sg")
    await gateway.deliver(
        said(ReplySent(kind=ReplyKind.ANSWER, text="Port 22 was closed.", citations=(cited,)), "r1"),
        said(OutcomeReached(outcome=Outcome.FIXED, summary="Rule added.", independent=True), "r2"),
        said(StatusChanged(status=Status.RESOLVED), "r3"),
    )
    found = (await gateway.http.get("/v1/tickets/T-1")).json()

    assert (found["status"], found["outcome"]["outcome"]) == ("resolved", "fixed")
    assert found["replies"][0]["citations"] == [cited.model_dump()]
    listed = (await gateway.http.get("/v1/tickets?status=resolved")).json()["tickets"]
    assert [ticket["case"] for ticket in listed] == [CASE]
    assert (await gateway.http.get("/v1/tickets?status=open")).json() == {"tickets": []}


async def test_a_long_poll_answers_as_soon_as_a_reply_is_there(gateway: Working) -> None:
    await gateway.http.post("/v1/tickets", json=TICKET)
    waiting = asyncio.create_task(gateway.http.get("/v1/tickets/T-1/replies?wait=30"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await gateway.deliver(said(ReplySent(kind=ReplyKind.ANSWER, text="Done."), "r1"))
    answer = (await asyncio.wait_for(waiting, 5)).json()

    assert [reply["text"] for reply in answer["replies"]] == ["Done."]
    later = await gateway.http.get(f"/v1/tickets/T-1/replies?after={answer['last']}&wait=0")
    assert later.json()["replies"] == []


@pytest.mark.parametrize("query", ["after=-1", "after=x", "wait=61", "wait=9999999999999999999999"])
async def test_a_query_out_of_bounds_is_refused(gateway: Working, query: str) -> None:
    await gateway.http.post("/v1/tickets", json=TICKET)

    assert (await gateway.http.get(f"/v1/tickets/T-1/replies?{query}")).status_code == 422


async def test_an_attachment_is_kept_and_named_by_its_ticket(gateway: Working) -> None:
    kept = await gateway.http.post("/v1/attachments?name=log.txt", content=b"boot", headers={"content-type": "text/x"})
    answer = await gateway.http.post("/v1/tickets", json=TICKET | {"attachments": [kept.json()]})
    await gateway.quiet()

    assert (kept.status_code, kept.json()["size"], kept.json()["name"]) == (201, 4, "log.txt")
    assert answer.status_code == 202
    opened = gateway.shelf.on("aivis.tickets")[0].data
    assert isinstance(opened, TicketOpened)
    assert opened.attachments[0].digest == kept.json()["digest"]


async def test_an_attachment_that_was_not_uploaded_by_this_tenant_is_refused(gateway: Working) -> None:
    theirs = (await gateway.http.post("/v1/attachments", content=b"secret", headers=GLOBEX)).json()
    answer = await gateway.http.post("/v1/tickets", json=TICKET | {"attachments": [theirs]})

    assert (answer.status_code, answer.json()["field"]) == (422, "attachments.0.digest")


async def test_an_attachment_over_the_limit_leaves_nothing_behind(gateway: Working, tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield b"x" * 2**20

    answer = await gateway.http.post("/v1/attachments", content=chunks())

    assert answer.status_code == 413
    assert [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()] == []


async def test_until_the_case_is_heard_of_its_ticket_is_published_again(tmp_path: Path) -> None:
    settings = GatewaySettings(database=f"sqlite:{tmp_path}", artifacts=tmp_path, keys=GRANTS, ask_again_seconds=0.1)
    async with working(build(settings), "acme-key") as gateway:
        await gateway.http.post("/v1/tickets", json=TICKET)
        await gateway.until(lambda: len(gateway.shelf.on("aivis.tickets")) >= 2)
        first, again = gateway.shelf.on("aivis.tickets")[:2]
        await gateway.deliver(said(StatusChanged(status=Status.OPEN), "r1"))
        heard = len(gateway.shelf.on("aivis.tickets"))
        await asyncio.sleep(1.2)

        assert (again.id, again.reasked, again.data) == (first.id, True, first.data)
        assert len(gateway.shelf.on("aivis.tickets")) == heard


async def test_a_message_the_reasoner_did_not_log_is_published_again_too(tmp_path: Path) -> None:
    settings = GatewaySettings(database=f"sqlite:{tmp_path}", artifacts=tmp_path, keys=GRANTS, ask_again_seconds=0.1)
    async with working(build(settings), "acme-key") as gateway:
        await gateway.http.post("/v1/tickets", json=TICKET)
        await gateway.deliver(said(StatusChanged(status=Status.OPEN), "r1"))
        await gateway.http.post("/v1/tickets/T-1/messages", json={"text": "And?"})
        await gateway.until(lambda: any(event.reasked for event in gateway.shelf.on("aivis.tickets")))

        asked = [event.data for event in gateway.shelf.on("aivis.tickets") if event.reasked]
        assert TicketMessageAdded(text="And?") in asked
