"""Upstream: everything again, in another order, with other bodies under known ids, and about tickets never sent."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

import httpx
from aiokafka import AIOKafkaProducer

from aivis import identity, topics
from aivis.events.envelope import Event, Payload, encode
from aivis.events.tickets import MessageSubmitted, StateSubmitted
from chaos.load import Load, Ticket
from chaos.playing import under_load
from chaos.rows.row import BOTH, Landed, Row
from chaos.stack import Stack, source

_GATHERING_SECONDS = 10.0
_TAKEN_SECONDS = 3.0
_AGAIN = 3
_OTHER = "Lamp lamp-off-999 is dark, please mend it."
"""What nobody is to mend: it comes under the ids of other tickets."""


async def strike(stack: Stack, load: Load) -> Landed:
    """Let tickets come, then hand in again what was handed in."""
    await asyncio.sleep(_GATHERING_SECONDS)
    known, landed = [*load.handed], Landed()
    dice = random.Random(load.seed)
    again = [ticket for ticket in known for _ in range(_AGAIN)]
    dice.shuffle(again)
    await _publish(stack, [ticket.event for ticket in again])
    landed.faults.append(f"{len(again)} tickets published again, in another order")
    await asyncio.sleep(_TAKEN_SECONDS)
    answers = await asyncio.gather(*(_hand_in(stack, ticket, id="") for ticket in known))
    same = [status for status in answers if status == HTTPStatus.ACCEPTED]
    (landed.faults if same else landed.missing).append(f"{len(same)} tickets handed in again by HTTP, and taken")
    others = [replace(ticket, text=_OTHER) for ticket in known]
    await _publish(stack, [ticket.event for ticket in others])
    refused = [status for status in await asyncio.gather(*(_hand_in(stack, each, id=each.event.id) for each in others))
               if status == HTTPStatus.CONFLICT]  # fmt: skip
    (landed.faults if refused else landed.missing).append(f"{len(refused)} known ids with another body, refused")
    await _publish(stack, [_early(known[0], data, place) for place, data in enumerate(_EARLY)])
    landed.faults.append(f"{len(_EARLY)} events about a ticket that never came")
    return landed


_EARLY: Sequence[Payload] = (
    MessageSubmitted(ticket="never", text="Is it done?"),
    StateSubmitted(ticket="never", state="reopened"),
    StateSubmitted(ticket="never", state="closed"),
)


def _early(ticket: Ticket, data: Payload, place: int) -> Event:
    id = identity.derived("chaos", ticket.tenant, f"never-{place}")
    return Event(
        id=id, type=data.TYPE, source=source(ticket.tenant), tenant=ticket.tenant, case="never",
        time=datetime.now(UTC), data=data,
    )  # fmt: skip


async def _publish(stack: Stack, events: Sequence[Event]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stack.run.kafka, acks="all")
    await producer.start()
    try:
        for event in events:
            record = encode(event, topics.intake(event.source).name)
            await producer.send_and_wait(record.topic, record.value, key=record.key, headers=list(record.headers))
    finally:
        await producer.stop()


async def _hand_in(stack: Stack, ticket: Ticket, *, id: str) -> int:
    """The status of the answer; without an id the content is the id."""
    run = stack.runs[ticket.tenant]
    headers = {"Authorization": f"Bearer {run.customer_key}", **({"Idempotency-Key": id} if id else {})}
    async with httpx.AsyncClient(timeout=30) as http:
        answer = await http.post(
            f"{run.gateway}/v1/tickets",
            json=ticket.submitted.model_dump(mode="json"),
            headers=headers,
        )
    return answer.status_code


ROW = Row("upstream", "tickets come again, reordered, with other bodies, or not at all", under_load(strike), BOTH)
