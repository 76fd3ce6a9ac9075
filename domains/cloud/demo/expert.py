"""The demo's expert: approves one action, and refuses another and guides the agent instead, by the experts' own API."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer

from aivis import topics
from aivis.cli.client import Client
from aivis.events import registry
from aivis.events.escalations import FeedbackGiven
from domains.cloud.lab.expectations import Expectation
from domains.cloud.lab.goals import Reaches
from domains.cloud.lab.staging import StagedTicket

RELEASE = "T-132"
"""Releasing an idle address: destructive, and what the customer wants. The expert approves."""
OPEN_TO_ALL = "T-133"
"""Opening a port to the whole internet. The expert refuses, and names the partners' network instead."""
PARTNERS = "203.0.113.0/24"
GUIDANCE = f"Not to the whole internet. Open the port for the ticket shop's partners only: {PARTNERS}."


@dataclass
class Expert:
    """Does what falls to a person, once each."""

    client: Client
    tickets: Mapping[str, StagedTicket]
    """By case."""
    done: dict[str, str] = field(default_factory=dict)
    """What the expert did, by ticket."""

    def act(self) -> None:
        """Look at the queue and do what is due."""
        for approval in self.client.get(self.client.run.escalation, "/v1/approvals")["approvals"]:
            self._approval(approval)
        for case in self.client.get(self.client.run.escalation, "/v1/escalations", status="open")["escalations"]:
            if case["escalation"] is not None:
                self._escalation(case)

    def _approval(self, approval: Mapping[str, Any]) -> None:
        ticket = self._ticket(approval)
        path = f"/v1/approvals/{approval['action']}"
        if ticket == RELEASE and ticket not in self.done:
            self.done[ticket] = "approved"
            self._post(f"{path}/approve", {})
        if ticket == OPEN_TO_ALL and ticket not in self.done:
            self.done[ticket] = "denied"
            self._post(f"{path}/deny", {"reason": "Nobody opens a port to the whole internet here."})

    def _escalation(self, case: Mapping[str, Any]) -> None:
        if self._ticket(case) == OPEN_TO_ALL and self.done.get(OPEN_TO_ALL) == "denied":
            self.done[OPEN_TO_ALL] = "denied, then guided"
            self._post(f"/v1/escalations/{case['case']}/guide", {"text": GUIDANCE, "inputs": {"source": PARTNERS}})

    def _ticket(self, found: Mapping[str, Any]) -> str:
        staged = self.tickets.get(found["case"])
        return staged.ticket if staged else ""

    def _post(self, path: str, body: dict[str, Any]) -> None:
        self.client.post(self.client.run.escalation, path, body)


def guided(ticket: StagedTicket) -> StagedTicket:
    """The ticket as it is to be judged after the expert's guidance: open to the partners, and no wider."""
    site = ticket.sites[0]
    goal = Reaches(instance=site.instance, port=site.plan.port, peer=PARTNERS)
    return ticket.model_copy(update={"expectation": Expectation.FIXED, "goals": (goal,)})


def feedback(client: Client) -> list[FeedbackGiven]:
    """What is on record on `aivis.feedback` of the experts' deeds for this tenant, to learn from."""
    return asyncio.run(_recorded(client.run.kafka, client.run.tenant))


async def _recorded(kafka: str, tenant: str) -> list[FeedbackGiven]:
    topic = topics.FEEDBACK.name
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    found: list[FeedbackGiven] = []
    try:
        while batches := await consumer.getmany(timeout_ms=1_500):
            for record in (record for batch in batches.values() for record in batch):
                event = registry.decode(tuple(record.headers), record.value, where=topic)
                if event.tenant == tenant and isinstance(event.data, FeedbackGiven):
                    found.append(event.data)
    finally:
        await consumer.stop()
    return found
