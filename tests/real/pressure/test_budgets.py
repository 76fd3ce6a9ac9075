"""A reasoner that dies behind every question to its model spends no more than its case may; its time goes on too.

The model is a server by script that counts: the judge of what was spent.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from aivis import identity
from aivis.events.cases import DecisionMade, LimitReached
from aivis.events.envelope import Event, Payload
from aivis.events.escalations import CaseEscalated, EscalationReason
from aivis.events.plans import PlanMade, PlanRequested
from aivis.events.tickets import TicketMessageAdded, TicketOpened
from services.reasoner import folding
from services.reasoner.case import Case
from tests.integration.services.broker import consumed, publish_events, running_broker
from tests.integration.services.processes import Process, process
from tests.integration.services.reasoner.desk import DOMAIN, _plan, _subtask
from tests.integration.services.reasoner.model_server import ModelServer, says, serving
from tests.real.databases import KINDS, database
from tests.unit.domains.cloud.modules.cloud import ME

CASE = identity.case_id("acme", "desk", "T-1")
USAGE = (5_000, 1_000)
BUDGET = 40_000
MOST_STARTS = 15
pytestmark = pytest.mark.timeout(300)


def variables(broker: str, base: str, folder: Path, **changes: str) -> dict[str, str]:
    return {
        "AIVIS_KAFKA": broker,
        "AIVIS_KAFKA_IDEMPOTENT": "false",
        "AIVIS_KAFKA_PARTITIONS": "3",
        "AIVIS_DATABASE": base,
        "AIVIS_ARTIFACTS": f"{folder}/artifacts",
        "AIVIS_DOMAIN": str(DOMAIN),
        **changes,
    }


def modelled(model: ModelServer) -> dict[str, str]:
    return {
        "AIVIS_REASONER_MODEL_URL": model.url,
        "AIVIS_REASONER_MODEL_NAME": "m",
        "AIVIS_REASONER_MAX_TOKENS": str(BUDGET),
    }


def event(payload: Payload, id: str) -> Event:
    return Event(id=id, type=payload.TYPE, source="t", tenant="acme", case=CASE, time=datetime.now(UTC), data=payload)


def opened() -> TicketOpened:
    text = f"My server {ME} is down."
    now = datetime.now(UTC)
    return TicketOpened(ticket="T-1", source="desk", customer="birch", subject="down", text=text, opened_at=now)


async def case(at: Process) -> Case | None:
    async with httpx.AsyncClient(base_url=at.url, timeout=10) as http:
        answer = await http.get(f"/v1/tenants/acme/cases/{CASE}")
    return folding.load(answer.content) if answer.is_success else None


async def planned(broker: str) -> None:
    """Answer the case's request for a plan."""
    (asked,) = [e.data for e in await consumed(broker, "aivis.plan-requests", count=1, seconds=60)][:1]
    assert isinstance(asked, PlanRequested)
    made = PlanMade(request=asked.request, plan=_plan(_subtask("diagnose.instance_down")))
    await publish_events(broker, "aivis.plans", event(made, "plan"))


def logged(found: list[Event], kind: type[Any]) -> list[Any]:
    return [each.data for each in found if isinstance(each.data, kind)]


async def crash_until_it_decides(broker: str, settings: Mapping[str, str], folder: Path) -> int:
    """Start the reasoner anew whenever it has died; how often it died until it decided what to do."""
    for start in range(MOST_STARTS):
        with process("reasoner", settings, folder / f"{start}.log") as at:
            while at.process.poll() is None:
                try:
                    await consumed(broker, "aivis.actions", count=1, seconds=1)
                    return start
                except AssertionError:
                    continue
    raise AssertionError(f"it died {MOST_STARTS} times: nothing bounds what it spends")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_model_whose_answers_are_lost_in_crashes_is_asked_no_more_than_the_budget_allows(
    kind: str, tmp_path: Path
) -> None:
    look = says(("cloud__describe_instance", {"instance_id": ME}), usage=USAGE)
    async with database(kind, tmp_path) as base, serving(look) as model:
        with running_broker() as broker:
            settings = variables(broker, base, tmp_path, **modelled(model))
            with process("reasoner", settings, tmp_path / "opens.log") as at:
                at.wait_for("/ready", seconds=60)
                await publish_events(broker, "aivis.tickets", event(opened(), "in-1"))
                await publish_events(broker, "aivis.tickets", event(TicketMessageAdded(text="Hurry."), "in-2"))
                await consumed(broker, "aivis.plan-requests", count=1, seconds=60)
            await planned(broker)
            armed = {**settings, "AIVIS_TEST_FAILPOINTS": "model.ask.after=kill"}
            died = await crash_until_it_decides(broker, armed, tmp_path)
            with process("reasoner", settings, tmp_path / "ends.log") as at:
                at.wait_for("/ready", seconds=60)
                found = await case(at)
                log = await consumed(broker, "aivis.case-events", count=1)

    assert died >= 3, "the kill did not land behind a question"
    assert len(model.questions) == died
    spent = died * sum(USAGE)
    assert spent <= BUDGET
    assert found is not None
    assert found.spent.used.tokens == found.spent.lost >= spent
    (decision,) = [each for each in logged(log, DecisionMade) if each.subtask]
    assert decision.brain == "playbook"
    assert "the case is brought to its end without a model" in decision.reason or "left to spend" in decision.reason
    assert [line.text for line in found.conversation].count("Hurry.") == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_wall_time_goes_on_while_the_reasoner_is_down_and_ends_with_a_person_and_a_summary(
    kind: str, tmp_path: Path
) -> None:
    seconds = 12
    async with database(kind, tmp_path) as base:
        with running_broker() as broker:
            settings = variables(broker, base, tmp_path, AIVIS_REASONER_MAX_MINUTES=str(seconds / 60))
            with process("reasoner", settings, tmp_path / "opens.log") as at:
                at.wait_for("/ready", seconds=60)
                await publish_events(broker, "aivis.tickets", event(opened(), "in-1"))
                await consumed(broker, "aivis.plan-requests", count=1, seconds=60)
                began = time.monotonic()
                at.kill()
            for number in range(2):
                with process("reasoner", settings, tmp_path / f"again-{number}.log") as at:
                    at.wait_for("/health", seconds=60)
                    await asyncio.sleep(2)
                    at.kill()
            restarted = time.monotonic()
            with process("reasoner", settings, tmp_path / "last.log"):
                found = await consumed(
                    broker, "aivis.case-events", until=lambda e: bool(logged(e, CaseEscalated)), seconds=60
                )
                ended = time.monotonic()

    (limit,) = logged(found, LimitReached)
    assert limit.guard == "seconds"
    (escalated,) = logged(found, CaseEscalated)
    assert escalated.reason is EscalationReason.BUDGET
    assert "seconds are used" in escalated.summary.problem
    assert ended - began >= seconds - 1
    assert ended - restarted < seconds, "its time began anew with the last start"
