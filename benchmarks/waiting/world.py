"""What is around the reasoner: tickets come in, plans are made at once, and a tool answers late."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from aivis import identity, topics
from aivis.events import registry
from aivis.events.actions import ActionFinished, ActionRequested
from aivis.events.envelope import Event, encode
from aivis.events.plans import (
    AgentName,
    Classification,
    Complexity,
    Frequency,
    Plan,
    PlanMade,
    PlanRequested,
    Route,
    Scenario,
    Subtask,
)
from aivis.events.replies import OutcomeReached
from aivis.events.tickets import TicketOpened
from aivis.topics import Topic
from benchmarks.stacks import Stack, partitions

_TENANT = "acme"
_HEARD = (topics.PLAN_REQUESTS, topics.ACTIONS, topics.REPLIES)
_CLASS = Classification(
    complexity=Complexity.SIMPLE, frequency=Frequency.COMMON, scenario=Scenario.DIAGNOSTIC, confidence=1
)


@dataclass
class World:
    """Everything but the reasoner."""

    producer: AIOKafkaProducer
    run: str
    """Names this run, so that its cases are no other's."""
    actions: dict[str, Event] = field(default_factory=dict)
    """The action that each case waits for."""
    ended: set[str] = field(default_factory=set)
    """Cases with an outcome."""

    async def open(self, count: int) -> None:
        """Let `count` tickets come in."""
        await self._send(topics.TICKETS, [self._ticket(number) for number in range(count)])

    async def answer_all(self) -> None:
        """Let the tool answer, at last."""
        await self._send(topics.RESULTS, [_result(action) for action in self.actions.values()])

    async def listen(self, consumer: AIOKafkaConsumer) -> None:
        """Answer plan requests, and note actions and outcomes, until cancelled."""
        while True:
            batches = await consumer.getmany(timeout_ms=200)
            events = [_event(record) for records in batches.values() for record in records]
            await self._send(topics.PLANS, [_plan(each) for each in events if isinstance(each.data, PlanRequested)])
            self.actions |= {each.case: each for each in events if isinstance(each.data, ActionRequested)}
            self.ended |= {each.case for each in events if isinstance(each.data, OutcomeReached)}

    async def _send(self, topic: Topic, events: Sequence[Event]) -> None:
        records = [encode(event, topic.name) for event in events]
        sent = [await self.producer.send(r.topic, r.value, key=r.key, headers=list(r.headers)) for r in records]
        await asyncio.gather(*sent)

    def _ticket(self, number: int) -> Event:
        now = datetime.now(UTC)
        name = f"{self.run}-{number}"
        text = f"Hello, my lamp L{1000 + number} is dark."
        data = TicketOpened(ticket=name, source="desk", customer="mia", text=text, opened_at=now)
        case = identity.case_id(_TENANT, "desk", name)
        id = identity.derived("ticket", name)
        return Event(id=id, type=data.TYPE, source="gateway", tenant=_TENANT, case=case, time=now, data=data)


def _event(record: "ConsumerRecord[bytes, bytes]") -> Event:
    return registry.decode(tuple(record.headers), record.value or b"", where=record.topic)


def _plan(asked: Event) -> Event:
    assert isinstance(asked.data, PlanRequested)
    subtask = Subtask(
        id="s1", goal="Find out why the lamp is dark.", agent=AgentName.DIAGNOSTIC, intent="diagnose.lamp",
        inputs={"lamp": "l1234"}, symptoms=("dark",),
    )  # fmt: skip
    plan = Plan(classification=_CLASS, route=Route.AGENT, reason="Understood.", subtasks=(subtask,))
    id = identity.derived(asked.id, "plan")
    return asked.answer(PlanMade(request=asked.data.request, plan=plan), id=id, source="planner", time=_now())


def _result(asked: Event) -> Event:
    assert isinstance(asked.data, ActionRequested)
    action = asked.data.action
    data = ActionFinished(action=action, tool=asked.data.tool, result={"plugged": False}, seconds=60)
    return asked.answer(data, id=identity.derived(action, "finished"), source="executor", time=_now())


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def world(stack: Stack, run: str) -> AsyncIterator[World]:
    """The world around a reasoner that has made its topics."""
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka, enable_idempotence=False, acks="all", linger_ms=5)
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka, auto_offset_reset="earliest")
    await producer.start()
    await consumer.start()
    consumer.assign(await partitions(stack.kafka, [topic.name for topic in _HEARD]))
    if not stack.embedded:  # the embedded broker is new, and does not know where its topics end
        await consumer.seek_to_end()
    found = World(producer, run)
    listening = asyncio.create_task(found.listen(consumer))
    try:
        yield found
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await consumer.stop()
        await producer.stop()
