"""Effects that were done after a backup, and a ledger that is put back to it: done once, whatever their tools can.

They need no server, and stand here because they take long: `make test` is to stay under ten minutes. The row
`restored` of the matrix does the same under load, on servers too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aivis.cli.embedded import SERVICES
from chaos.judge import converged
from chaos.load import Ticket
from chaos.rack import lamps
from chaos.rows import kills
from chaos.rows.restored import aivis
from chaos.stack import Stack, embedded

_FAULTS = ("off", "unplugged", "blown")
"""What mends them knows keys, can be looked up, and neither."""
TICKETS = tuple(
    Ticket("alpha", f"R-{number}", f"Lamp lamp-{fault}-{number} is dark, please mend it.", f"lamp-{fault}-{number}")
    for fault, number in zip(_FAULTS, (2, 4, 6), strict=True)
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def until(true: Callable[[], Awaitable[bool]], *, seconds: float = 90) -> None:
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - ledgers ring no bell
            await asyncio.sleep(0.2)


async def executor(stack: Stack, method: str, path: str, body: Any = None) -> Any:
    client = stack.client("alpha")
    if method == "get":
        return await asyncio.to_thread(client.get, stack.run.executor, path)
    return await asyncio.to_thread(getattr(client, method), stack.run.executor, path, body)


async def effects(stack: Stack, *labels: str) -> list[str]:
    """Tools of the effects that stand so in the ledger."""
    listed = (await executor(stack, "get", "/v1/actions"))["actions"]
    mends = set(lamps.MENDS.values())
    return [each["request"]["tool"] for each in listed
            if each["request"]["tool"] in mends and each.get("state", "PROPOSED") in labels]  # fmt: skip


async def backed_up_before_the_effects(stack: Stack) -> None:
    """Three tickets come to where a lamp is to be mended; there a freeze holds them, and a backup is made."""
    freeze = {"ends": (datetime.now(UTC) + timedelta(minutes=5)).isoformat(), "reason": "the test's"}
    await executor(stack, "post", "/v1/freezes", freeze)
    client = stack.client("alpha")
    for ticket in TICKETS:
        await asyncio.to_thread(client.post, stack.run.gateway, "/v1/tickets", ticket.submitted.model_dump())

    async def all_wait() -> bool:
        return len(await effects(stack, "PROPOSED", "APPROVED")) == len(TICKETS)

    await until(all_wait)
    await aivis(stack, "backup", str(stack.folder / "backup"))
    await thaw(stack)


async def thaw(stack: Stack) -> None:
    """End the freeze: the one of the backup is there again once that is put back."""
    for freeze in (await executor(stack, "get", "/v1/freezes"))["freezes"]:
        await executor(stack, "delete", "/v1/freezes", {"id": freeze["id"]})


def acts(stack: Stack) -> list[str]:
    return sorted(act.tool for act in lamps.read(stack.acts))


ONCE = sorted(lamps.MENDS[fault] for fault in _FAULTS)


async def put_back(stack: Stack, *names: str) -> None:
    for name in names:
        await stack.kill(name)
    alone = [word for name in names if len(names) < len(SERVICES) for word in ("--service", name)]
    await aivis(stack, "restore", str(stack.folder / "backup"), "--yes", *alone)


async def test_a_ledger_that_was_put_back_repeats_nothing_whose_result_went_out(tmp_path: Path) -> None:
    async with embedded(tmp_path) as stack:
        await backed_up_before_the_effects(stack)
        cases, _ = await converged(stack, TICKETS, seconds=90)
        assert {case["status"] for case in cases.values()} == {"resolved"}
        assert acts(stack) == ONCE
        await put_back(stack, "executor")
        await stack.start("executor")
        await stack.until_ready(["executor"])
        await thaw(stack)

        async def known_again() -> bool:
            return sorted(await effects(stack, "DONE")) == ONCE

        await until(known_again)
        await asyncio.sleep(3)  # whatever would come twice has had its time
        assert acts(stack) == ONCE


async def test_a_ledger_that_was_put_back_finds_out_what_nobody_heard_of(tmp_path: Path) -> None:
    """Each effect is done, and the executor dies before it can say so; then its database is put back, too."""
    async with embedded(tmp_path) as stack:
        await backed_up_before_the_effects(stack)
        await stack.kill("executor")
        await stack.start("executor", failpoints="bus.send.before=kill")
        assert await kills.died(stack, "executor", "bus.send.before")
        done = acts(stack)
        assert done, "something was done that nobody heard of"
        await put_back(stack, "executor")
        await stack.start("executor")
        await stack.until_ready(["executor"])
        await thaw(stack)
        cases, _ = await converged(stack, TICKETS, seconds=90)
        await asyncio.sleep(3)
        assert lamps.twice(lamps.read(stack.acts)) == []
        status = {ticket.lamp: cases[ticket.case]["status"] for ticket in TICKETS}
        assert status["lamp-off-2"] == status["lamp-unplugged-4"] == "resolved"
        assert status["lamp-blown-6"] == "waiting-for-expert", "nobody knows, and a person is asked"
        [unsettled] = (await escalation(stack, "/v1/approvals"))["unsettled"]
        assert "put back" in unsettled["message"]


async def escalation(stack: Stack, path: str) -> Any:
    return await asyncio.to_thread(stack.client("alpha").get, stack.run.escalation, path)


async def test_where_the_bus_is_lost_as_well_people_get_what_is_in_doubt(tmp_path: Path) -> None:
    async with embedded(tmp_path) as stack:
        await backed_up_before_the_effects(stack)
        await converged(stack, TICKETS, seconds=90)
        assert acts(stack) == ONCE
        await stack.kill("broker")
        await put_back(stack, *SERVICES)
        await stack.start("broker")
        await asyncio.gather(*(stack.start(name) for name in SERVICES))
        await stack.until_ready()
        assert "the bus has lost part" in (stack.children.logs / "reasoner.log").read_text()
        await thaw(stack)
        cases, _ = await converged(stack, TICKETS, seconds=90)
        await asyncio.sleep(3)
        assert acts(stack) == ONCE
        assert {case["status"] for case in cases.values()} == {"waiting-for-expert"}
        waiting = (await escalation(stack, "/v1/escalations"))["escalations"]
        assert {each["case"] for each in waiting} >= {ticket.case for ticket in TICKETS}
