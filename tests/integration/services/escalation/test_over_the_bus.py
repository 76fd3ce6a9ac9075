"""The escalation service over a real broker, killed right after it answered."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import orjson

from aivis.events.actions import ApprovalGranted
from aivis.events.envelope import Event, encode
from aivis.events.escalations import GuidanceGiven
from tests.integration.services.broker import consumed, publish, publish_events, running_broker
from tests.integration.services.escalation.conftest import GRANTS
from tests.integration.services.processes import Process, process
from tests.unit.services.escalation.cases import ASKED, CASE, ESCALATED, OPENED, finished, plan, said

KEY = {"authorization": "Bearer ada-key"}


def variables(broker: str, folder: Path) -> dict[str, str]:
    return {
        "AIVIS_KAFKA": broker,
        "AIVIS_KAFKA_IDEMPOTENT": "false",
        "AIVIS_KAFKA_PARTITIONS": "3",
        "AIVIS_KAFKA_FETCH_WAIT_MS": "50",
        "AIVIS_DATABASE": f"sqlite:{folder}/state",
        "AIVIS_ESCALATION_KEYS": orjson.dumps([grant.model_dump(mode="json") for grant in GRANTS]).decode(),
    }


async def hand_over(broker: str) -> None:
    """What the reasoner and the executor say of a case: each on its own topic, and in the log."""
    asked = ASKED.model_copy(update={"expires_at": ASKED.expires_at.replace(year=2126)})
    log = [said(data, place, sequence=place) for place, data in enumerate((OPENED, plan(), ESCALATED, asked), 1)]
    unnumbered = log[1]._replace(sequence=None, id="unnumbered")
    await publish_events(broker, "aivis.escalations", said(ESCALATED, 3))
    await publish_events(broker, "aivis.results", said(asked, 4), said(finished("act-1"), 4))
    await publish(broker, [encode(event, "aivis.case-events") for event in (*log, unnumbered)])


async def wait_for_case(escalation: Process) -> dict[str, Any]:
    """The case, once the service has heard all of it."""
    found: dict[str, Any] = {}
    async with httpx.AsyncClient(base_url=escalation.url, headers=KEY, timeout=10) as http:
        for _ in range(200):
            answer = await http.get(f"/v1/escalations/{CASE}")
            found = answer.json()
            if answer.status_code == 200 and found["escalation"] and found["approvals"] and len(found["timeline"]) == 3:
                return found
            await asyncio.sleep(0.05)
    raise AssertionError(f"the case stays {found}")


async def test_an_expert_s_words_survive_a_kill_right_after_the_answer(tmp_path: Path) -> None:
    with running_broker() as broker:
        settings = variables(broker, tmp_path)
        with process("escalation", settings, tmp_path / "first.log") as first:
            first.wait_for("/ready")
            await hand_over(broker)
            case = await wait_for_case(first)
            async with httpx.AsyncClient(base_url=first.url, headers=KEY, timeout=10) as http:
                guided, approved = await asyncio.gather(
                    http.post(f"/v1/escalations/{CASE}/guide", json={"text": "Look at the ACL."}),
                    http.post("/v1/approvals/act-9/approve"),
                )
            first.kill()
        with process("escalation", settings, tmp_path / "second.log") as second:
            second.wait_for("/ready")
            guidance = await consumed(broker, "aivis.guidance", count=1)
            approvals = await consumed(broker, "aivis.approvals", count=1)
            feedback = await consumed(broker, "aivis.feedback", until=lambda found: len(ids(found)) == 2)
            async with httpx.AsyncClient(base_url=second.url, headers=KEY, timeout=10) as http:
                again = await http.post("/v1/approvals/act-9/approve")

    assert case["approvals"][0]["arguments"] == ASKED.arguments
    assert [guided.status_code, approved.status_code, again.status_code] == [200, 200, 409]
    assert isinstance(guidance[0].data, GuidanceGiven)
    assert isinstance(approvals[0].data, ApprovalGranted)
    assert (len(ids(guidance)), len(ids(approvals)), len(ids(feedback))) == (1, 1, 2)


def ids(events: list[Event]) -> set[str]:
    return {event.id for event in events}
