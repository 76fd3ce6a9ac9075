"""The gateway over a real broker: what enters, what does not, and what survives a kill."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson
import pytest

from aivis import identity, topics
from aivis.access import Grant, Role, fingerprint
from aivis.events.envelope import Event, Payload, Record, encode
from aivis.events.replies import ReplyKind, ReplySent, Status, StatusChanged
from aivis.events.tickets import MessageSubmitted, TicketSubmitted
from aivis.mailbox.letters import Heading
from aivis.mailbox.ports import Store
from aivis.service import Service, serve
from services.gateway.main import build
from services.gateway.settings import GatewaySettings
from tests.integration.services.broker import consumed, free_port, publish, publish_events, running_broker
from tests.integration.services.processes import process

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
GRANT = Grant(name="desk", role=Role.UPSTREAM, tenants=("acme",), source="desk", sha256=fingerprint("acme-key"))
KEY = {"authorization": "Bearer acme-key"}
INTAKE = topics.intake("desk").name


def submitted(ticket: str, data: Payload | None = None, *, tenant: str = "acme", id: str = "") -> Event:
    data = data or TicketSubmitted(ticket=ticket, customer="c-7", text=f"{ticket}: SSH times out.")
    id = id or f"{ticket}-{data.TYPE}"
    return Event(id=id, type=data.TYPE, source="desk", tenant=tenant, case=ticket, time=NOW, data=data)


def case_of(ticket: str) -> str:
    return identity.case_id("acme", "desk", ticket)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[str]:
    """The service's address, once it is ready."""
    stop = asyncio.Event()
    task = asyncio.create_task(serve(service, stop))
    url = f"http://127.0.0.1:{service.settings.port}"
    try:
        async with httpx.AsyncClient() as http:
            while not await ready(http, url):
                assert not task.done()
                await asyncio.sleep(0.05)
        yield url
    finally:
        stop.set()
        await task


async def ready(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(f"{url}/ready")).status_code == 200
    except httpx.HTTPError:
        return False


def gateway(broker: str, folder: Path) -> Service:
    return build(
        GatewaySettings(
            kafka=broker,
            database=f"sqlite:{folder}",
            artifacts=folder / "artifacts",
            port=free_port(),
            sources={"desk": "acme"},
            keys=(GRANT,),
            heartbeat_seconds=0.3,
            kafka_idempotent=False,
            kafka_partitions=3,
            kafka_fetch_wait_ms=50,
        )
    )


async def test_what_does_not_belong_is_quarantined_and_the_rest_goes_on(tmp_path: Path) -> None:
    good = encode(submitted("T-1"), INTAKE)
    foreign = encode(submitted("T-2", tenant="globex"), INTAKE)
    headers = tuple((name, value) for name, value in good.headers if name != "ce_id")
    broken = [
        Record(topic=INTAKE, key=good.key, headers=headers, value=good.value),
        Record(topic=INTAKE, key=b"acme/other", headers=encode(submitted("T-3"), INTAKE).headers, value=good.value),
        Record(topic=INTAKE, key=good.key, headers=(), value=b""),
        encode(submitted("T-4", StatusChanged(status=Status.OPEN)), INTAKE),
    ]
    unreadable = [
        encode(submitted("T-5"), INTAKE)._replace(value=b'{"ticket": "T-5", "customer'),
        encode(submitted("T-6"), INTAKE)._replace(value=orjson.dumps({"ticket": "T-6"})),
        encode(submitted("T-7"), INTAKE)._replace(value=b'{"a":' * 200 + b"1" + b"}" * 200),
        encode(submitted("T-8", TicketSubmitted(ticket="T-9", customer="c", text="x")), INTAKE),
    ]
    with running_broker() as broker:
        service = gateway(broker, tmp_path)
        async with running(service):
            await publish(broker, [foreign, *broken, *unreadable, good])
            await publish_events(broker, INTAKE, submitted("T-1", MessageSubmitted(ticket="T-1", text="And?")))
            events = await consumed(broker, "aivis.tickets", count=2)
            assert service.mailbox is not None
            letters = await letters_of(service.mailbox.store, count=9)

    assert [(event.case, type(event.data).__name__) for event in events] == [
        (case_of("T-1"), "TicketOpened"),
        (case_of("T-1"), "TicketMessageAdded"),
    ]
    assert len(letters) == 9
    assert any("source desk is tenant acme's" in letter.reason for letter in letters)
    assert all(letter.reason for letter in letters)


async def letters_of(store: Store, *, count: int) -> list[Heading]:
    """The dead letters, once there are so many, or as many as there are after a while."""
    letters: list[Heading] = []
    for _ in range(100):
        letters = await store.letters(limit=50)
        if len(letters) >= count:
            break
        await asyncio.sleep(0.05)
    return letters


async def test_the_event_stream_resumes_where_it_was_left_and_shows_that_it_lives(tmp_path: Path) -> None:
    with running_broker() as broker:
        service = gateway(broker, tmp_path)
        async with running(service) as url, httpx.AsyncClient(base_url=url, headers=KEY, timeout=20) as http:
            ticket = {"ticket": "T-1", "customer": "c-7", "text": "SSH times out."}
            answer = await http.post("/v1/tickets", json=ticket)
            assert answer.status_code == 202, answer.text
            first = await lines_until(http, "", lambda lines: ": heartbeat" in lines and "id: 1" in lines)
            for place, text in enumerate(("one", "two")):
                await publish_events(broker, "aivis.replies", reply(text, f"r{place}"))
            resumed = await lines_until(http, "1", lambda lines: "id: 3" in lines and lines[-1] == "")

    assert [line for line in first if line.startswith(("id:", "event:"))] == ["id: 1", "event: aivis.ticket.opened"]
    assert [line for line in resumed if line.startswith("id:")] == ["id: 2", "id: 3"]
    texts = [orjson.loads(line[6:])["data"]["text"] for line in resumed if line.startswith("data:")]
    assert texts == ["one", "two"]


def reply(text: str, id: str) -> Event:
    data = ReplySent(kind=ReplyKind.ANSWER, text=text)
    return Event(id=id, type=data.TYPE, source="reasoner", tenant="acme", case=case_of("T-1"), time=NOW, data=data)


async def lines_until(http: httpx.AsyncClient, last: str, enough: Callable[[list[str]], bool]) -> list[str]:
    """The stream's lines after event `last`, as soon as they are enough."""
    lines: list[str] = []
    headers = {"last-event-id": last} if last else {}
    async with asyncio.timeout(15), http.stream("GET", "/v1/tickets/T-1/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream"), await stream.aread()
        async for line in stream.aiter_lines():
            lines.append(line)
            if enough(lines):
                return lines
    raise AssertionError(f"the stream ended: {lines}")


def variables(broker: str, folder: Path) -> dict[str, str]:
    return {
        "AIVIS_KAFKA": broker,
        "AIVIS_KAFKA_IDEMPOTENT": "false",
        "AIVIS_KAFKA_PARTITIONS": "3",
        "AIVIS_DATABASE": f"sqlite:{folder}/state",
        "AIVIS_ARTIFACTS": f"{folder}/artifacts",
        "AIVIS_GATEWAY_KEYS": orjson.dumps([GRANT.model_dump(mode="json")]).decode(),
    }


async def test_what_was_answered_202_survives_a_kill_and_goes_out_under_one_id(tmp_path: Path) -> None:
    accepted: set[str] = set()
    enough = asyncio.Event()
    places = itertools.count()

    async def submit_until_killed(http: httpx.AsyncClient) -> None:
        with contextlib.suppress(httpx.HTTPError):
            while True:
                body = {"ticket": f"T-{next(places)}", "customer": "c-7", "text": "SSH times out."}
                answer = await http.post("/v1/tickets", json=body)
                assert answer.status_code == 202
                accepted.add(answer.json()["case"])
                if len(accepted) == 100:
                    enough.set()

    with running_broker() as broker:
        settings = variables(broker, tmp_path)
        with process("gateway", settings, tmp_path / "first.log") as first:
            first.wait_for("/ready")
            async with httpx.AsyncClient(base_url=first.url, headers=KEY, timeout=10) as http:
                clients = [asyncio.create_task(submit_until_killed(http)) for _ in range(8)]
                await enough.wait()
                first.kill()
                await asyncio.gather(*clients)
        with process("gateway", settings, tmp_path / "second.log") as second:
            second.wait_for("/ready")
            events = await consumed(broker, "aivis.tickets", until=lambda found: accepted <= {e.case for e in found})

    assert next(places) > len(accepted), "the kill landed in no request"
    ids = {(event.case, event.id) for event in events}
    assert len(ids) == len({event.case for event in events})


async def test_what_was_answered_202_without_a_broker_goes_out_when_there_is_one(tmp_path: Path) -> None:
    port = free_port()
    settings = variables(f"127.0.0.1:{port}", tmp_path)
    with process("gateway", settings, tmp_path / "gateway.log") as lonely:
        lonely.wait_for("/health")
        async with httpx.AsyncClient(base_url=lonely.url, headers=KEY, timeout=10) as http:
            assert (await http.get("/ready")).status_code == 503
            body = {"ticket": "T-1", "customer": "c-7", "text": "SSH times out."}
            answer = await http.post("/v1/tickets", json=body)
            assert answer.status_code == 202
            assert (await http.get(answer.json()["status_url"])).json()["status"] == "open"
            assert (await http.post("/v1/tickets/T-1/messages", json={"text": "And?"})).status_code == 202
        with running_broker(port) as broker:
            lonely.wait_for("/ready")
            events = await consumed(broker, "aivis.tickets", count=2)

    assert [type(event.data).__name__ for event in events] == ["TicketOpened", "TicketMessageAdded"]


@pytest.mark.slow
async def test_an_attachment_of_50_mb_is_streamed_without_copies_in_memory(tmp_path: Path) -> None:
    chunk = bytes(range(256)) * 256

    async def content() -> AsyncIterator[bytes]:
        for _ in range(50 * 16):
            yield chunk

    with running_broker() as broker, process("gateway", variables(broker, tmp_path), tmp_path / "log") as gateway:
        gateway.wait_for("/ready")
        before = gateway.memory()
        async with httpx.AsyncClient(base_url=gateway.url, headers=KEY, timeout=60) as http:
            kept = (await http.post("/v1/attachments?name=dump.bin", content=content())).json()
        grown = gateway.memory() - before

    assert kept["size"] == 50 * 1024 * 1024
    stored = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
    assert [(path.name, path.stat().st_size) for path in stored] == [(kept["digest"], kept["size"])]
    assert grown < 25 * 1024 * 1024
