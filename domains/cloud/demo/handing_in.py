"""How the demo's customers hand their tickets in: half of them over Kafka, half over HTTP."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from aivis import identity, topics
from aivis.cli.client import Client
from aivis.cli.embedded import SOURCE
from aivis.events.envelope import Event, encode
from aivis.events.tickets import TicketSubmitted
from domains.cloud.lab.staging import StagedTicket


def hand_in(client: Client, tickets: Sequence[StagedTicket]) -> dict[str, StagedTicket]:
    """Hand all of `tickets` in; the ticket of each case."""
    asyncio.run(_publish(client, tickets[::2]))
    for ticket in tickets[1::2]:
        client.post(client.run.gateway, "/v1/tickets", _submitted(ticket).model_dump(mode="json"))
    return {identity.case_id(client.run.tenant, SOURCE, ticket.ticket): ticket for ticket in tickets}


def follow_up(client: Client, ticket: StagedTicket) -> None:
    """The customer answers the agent's question."""
    client.post(client.run.gateway, f"/v1/tickets/{ticket.ticket}/messages", {"text": ticket.follow_up})


async def _publish(client: Client, tickets: Sequence[StagedTicket]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=client.run.kafka, acks="all", linger_ms=5)
    await producer.start()
    try:
        for ticket in tickets:
            record = encode(_event(client.run.tenant, ticket), topics.intake(SOURCE).name)
            await producer.send_and_wait(record.topic, record.value, key=record.key, headers=list(record.headers))
    finally:
        await producer.stop()


def _event(tenant: str, ticket: StagedTicket) -> Event:
    return Event(
        id=identity.derived("demo", tenant, ticket.ticket),
        type=TicketSubmitted.TYPE,
        source=SOURCE,
        tenant=tenant,
        case=ticket.ticket,
        time=datetime.now(UTC),
        data=_submitted(ticket),
    )


def _submitted(ticket: StagedTicket) -> TicketSubmitted:
    return TicketSubmitted(ticket=ticket.ticket, customer=ticket.customer, subject=ticket.subject, text=ticket.text)
