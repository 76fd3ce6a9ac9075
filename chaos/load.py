"""The load: tickets of two tenants about lamps, at a steady rate, as long as faults land; from a seed."""

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from aivis import identity, topics
from aivis.events.envelope import Event, encode
from aivis.events.tickets import TicketSubmitted
from chaos.rack.lamps import Mood
from chaos.stack import TENANTS, Stack, source

FAULTS: tuple[str, ...] = ("off", "off", "unplugged", "unplugged", "blown", "lit")
_QUESTION, _STRANGE = "How long does a bulb last?", "Please book a flight to Rome for me."
"""What the documents answer, and what is a person's."""
_GIVE_UP_SECONDS = 240


@dataclass(frozen=True)
class Ticket:
    """A ticket that the gateway accepted."""

    tenant: str
    name: str
    text: str
    lamp: str = ""
    """Empty: it is about none."""

    @property
    def case(self) -> str:
        return identity.case_id(self.tenant, source(self.tenant), self.name)

    @property
    def submitted(self) -> TicketSubmitted:
        return TicketSubmitted(ticket=self.name, customer="mia", subject="A lamp", text=self.text)

    @property
    def event(self) -> Event:
        id = identity.derived("chaos", self.tenant, self.name)
        return Event(
            id=id, type=TicketSubmitted.TYPE, source=source(self.tenant), tenant=self.tenant, case=self.name,
            time=datetime.now(UTC), data=self.submitted,
        )  # fmt: skip


class Load:
    """Hands tickets in, each until it is accepted: the same ticket twice is one ticket."""

    def __init__(self, stack: Stack, *, seed: int, rate: float) -> None:
        self._stack = stack
        self.seed = seed
        self._dice = random.Random(seed)
        self._rate = rate
        self.faults = FAULTS
        """What is wrong with the lamps to come."""
        self.moods: tuple[Mood, ...] = (Mood.KIND,)
        """How the lamps' switches, plugs and bulbs are."""
        self.over_kafka = True
        """Whether every other ticket is published on the bus, where nobody hears whether it was taken in."""
        self.handed: list[Ticket] = []

    async def until(self, stop: asyncio.Event) -> None:
        """Keep going until `stop`; every ticket begun is handed in then."""
        async with httpx.AsyncClient(timeout=10) as http, asyncio.TaskGroup() as group:
            number = 0
            while not stop.is_set():
                number += 1
                ticket = self._ticket(number)
                upstream = self.over_kafka and number % 4 < len(TENANTS)
                group.create_task(self._publish(ticket) if upstream else self.hand_in(http, ticket))
                try:
                    await asyncio.wait_for(stop.wait(), self._dice.expovariate(self._rate))
                except TimeoutError:
                    continue

    def _ticket(self, number: int) -> Ticket:
        """A lamp's number tells its tenant: tickets that cross are seen at the rack."""
        tenant = TENANTS[number % len(TENANTS)]
        fault, mood = self._dice.choice(self.faults), self._dice.choice(self.moods)
        lamp = "-".join(filter(None, ("lamp", fault, mood, str(number))))
        other = {0: _QUESTION, 5: _STRANGE}.get(number % 10)
        return Ticket(tenant, f"R-{number}", other) if other else Ticket(tenant, f"R-{number}", _dark(lamp), lamp)

    async def hand_in(self, http: httpx.AsyncClient, ticket: Ticket) -> None:
        """As an upstream system does: until the gateway accepts it."""
        run = self._stack.runs[ticket.tenant]
        body = ticket.submitted.model_dump(mode="json")
        headers = {"Authorization": f"Bearer {run.customer_key}"}
        async with asyncio.timeout(_GIVE_UP_SECONDS):
            while True:
                try:
                    answer = await http.post(f"{run.gateway}/v1/tickets", json=body, headers=headers)
                except httpx.HTTPError:
                    await asyncio.sleep(0.2)
                    continue
                if answer.status_code == httpx.codes.ACCEPTED:
                    self._accepted(ticket)
                    return
                if answer.status_code not in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
                    raise RuntimeError(f"ticket {ticket.name}: {answer.status_code}: {answer.text[:300]}")
                await asyncio.sleep(float(answer.headers.get("retry-after", "0.2")))

    async def _publish(self, ticket: Ticket) -> None:
        """As an upstream system does: until the broker has it."""
        record = encode(ticket.event, topics.intake(source(ticket.tenant)).name)
        async with asyncio.timeout(_GIVE_UP_SECONDS):
            while True:
                producer = AIOKafkaProducer(bootstrap_servers=self._stack.run.kafka, acks="all")
                try:
                    await producer.start()
                    await producer.send_and_wait(
                        record.topic, record.value, key=record.key, headers=list(record.headers)
                    )
                except (KafkaError, OSError):
                    await asyncio.sleep(0.3)
                else:
                    self._accepted(ticket)
                    return
                finally:
                    await producer.stop()

    def _accepted(self, ticket: Ticket) -> None:
        if ticket not in self.handed:
            self.handed.append(ticket)


def _dark(lamp: str) -> str:
    return f"Lamp {lamp} is dark, please mend it."


def tenant_of(lamp: str) -> str:
    """Whose lamp it is."""
    return TENANTS[int(lamp.rpartition("-")[2]) % len(TENANTS)]
