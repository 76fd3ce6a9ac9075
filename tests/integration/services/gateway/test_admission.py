"""What the gateway turns away by HTTP, from whom, and what it says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from aivis.access import Grant, Role, fingerprint
from aivis.events.envelope import Event, headers_of
from aivis.events.tickets import MessageSubmitted
from aivis.mailbox.values import Arrival, Key
from services.gateway.main import build
from services.gateway.settings import GatewaySettings
from tests.integration.services.working import Working, working

GRANTS = tuple(
    Grant(name=source, role=Role.UPSTREAM, tenants=(tenant,), source=source, sha256=fingerprint(f"{tenant}-key"))
    for source, tenant in (("desk", "acme"), ("help", "globex"))
)
GLOBEX = {"authorization": "Bearer globex-key"}


@asynccontextmanager
async def gateway(folder: Path, *, waiting: int = 2_000, unheard: int = 20_000) -> AsyncIterator[Working]:
    settings = GatewaySettings(
        database=f"sqlite:{folder}", artifacts=folder / "artifacts", keys=GRANTS, waiting=waiting, unheard=unheard
    )
    async with working(build(settings), "acme-key") as found:
        yield found


async def submitted(at: Working, name: str, **headers: str) -> httpx.Response:
    body = {"ticket": name, "customer": "mia", "text": "My lamp is dark."}
    return await at.http.post("/v1/tickets", json=body, headers=headers)


def early(number: int) -> Arrival:
    """A message whose ticket never comes: it waits."""
    data = MessageSubmitted(ticket="T-none", text="Hello?")
    event = Event(str(number), data.TYPE, "desk", "acme", "T-none", datetime.now(UTC), data)
    return Arrival(
        f"early-{number}", Key("acme", f"case-{number}"), "http", headers_of(event), data.model_dump_json().encode()
    )


def turned_away(answer: httpx.Response, *, seconds: int, why: str) -> bool:
    problem = answer.json()
    return (
        answer.status_code == 429
        and answer.headers["retry-after"] == str(seconds)
        and answer.headers["content-type"] == "application/problem+json"
        and why in problem["detail"]
        and f"Send the same again after {seconds} s" in problem["detail"]
    )


async def test_a_tenant_with_much_waiting_is_turned_away_and_another_is_not(tmp_path: Path) -> None:
    async with gateway(tmp_path, waiting=10) as at:
        await at.mailbox.receive([early(number) for number in range(8)])
        assert turned_away(await submitted(at, "T-1"), seconds=2, why="too many messages wait")
        assert (await submitted(at, "T-1", **GLOBEX)).status_code == 202
        listed = (await at.http.get("/v1/tickets")).json()["tickets"]
        assert listed == [], "nothing of what was turned away was kept"


async def test_tickets_that_nobody_takes_up_turn_further_ones_away_until_they_are_heard_of(tmp_path: Path) -> None:
    async with gateway(tmp_path, unheard=10) as at:
        accepted = [await submitted(at, f"T-{number}") for number in range(7)]
        assert {answer.status_code for answer in accepted} == {202}
        assert turned_away(await submitted(at, "T-8"), seconds=5, why="have not caught up")
        assert (await submitted(at, "T-8", **GLOBEX)).status_code == 202
