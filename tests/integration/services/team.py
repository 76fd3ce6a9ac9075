"""Reasoner, executor and escalation at work together, wired as in production; events are carried by hand.

The planner is the test, which plans one subtask about one lamp of the rack.
"""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc.aio

from aivis import identity, topics
from aivis.access import Grant, Role, fingerprint
from aivis.admission import Refine, as_it_is, case_key_of
from aivis.events.envelope import Event, Head, Payload, body, headers_of
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
from aivis.events.tickets import TicketOpened
from aivis.mailbox.values import Arrival
from aivis.v1.tools_pb2_grpc import add_ToolsServicer_to_server
from chaos.rack.lamps import Log
from chaos.rack.server import Rack, declared
from services.escalation import consumer as escalation_consumer
from services.escalation import main as escalation
from services.escalation.settings import EscalationSettings
from services.executor import main as executor
from services.executor.consumer import action_key_of
from services.executor.settings import ExecutorSettings
from services.reasoner import main as reasoner
from services.reasoner.settings import ReasonerSettings
from tests.integration.services.working import Working, working

LAMP = "lamp-blown-1"
CASE = identity.case_id("acme", "desk", "T-1")
POLICY = """
permit (principal, action, resource);
@reason("a person decides on lamps")
forbid (principal, action, resource) when { context.risk != "read" } unless { context.approved };
"""
_RACK = Path(__file__).parents[3] / "chaos/rack"


@dataclass
class Team:
    """The services by name, and what was carried between them."""

    at_work: dict[str, Working]
    log: Log
    route: Route = Route.AGENT
    deaf: set[str] = field(default_factory=set)
    """Services that get nothing."""
    carried: dict[str, int] = field(default_factory=dict)

    async def ticket(self) -> None:
        opened = TicketOpened(
            ticket="T-1", source="desk", customer="mia", subject="A lamp", text=f"{LAMP} is dark.",
            opened_at=datetime.now(UTC),
        )  # fmt: skip
        await self.say(topics.TICKETS.name, opened, "t-1")

    async def say(self, topic: str, data: Payload, id: str) -> None:
        event = Event(id=id, type=data.TYPE, source="t", tenant="acme", case=CASE, time=datetime.now(UTC), data=data)
        await self._carry(topic, event)

    async def until(self, holds: Callable[[], bool], *, seconds: float = 20) -> None:
        """Carry events until `holds`."""
        ends = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < ends, f"not in {seconds} s; the case: {[e.type for e in self.case_log()]}"
            await self._round()
            await asyncio.sleep(0.02)

    def case_log(self) -> list[Event]:
        return self.at_work["reasoner"].shelf.on(topics.CASE_EVENTS.name)

    def logged(self, kind: type[Any]) -> list[Any]:
        return [event.data for event in self.case_log() if isinstance(event.data, kind)]

    async def shown(self) -> dict[str, Any]:
        """The case as experts see it."""
        await self._round()
        await self.at_work["escalation"].quiet()
        answer = await self.at_work["escalation"].http.get(f"/v1/escalations/{CASE}")
        found: dict[str, Any] = answer.json()
        return found

    async def _round(self) -> None:
        for name, service in self.at_work.items():
            events = service.shelf.events[self.carried.get(name, 0) :]
            self.carried[name] = self.carried.get(name, 0) + len(events)
            for topic, event in events:
                await self._carry(topic, event)

    async def _carry(self, topic: str, event: Event) -> None:
        if isinstance(event.data, PlanRequested):
            await self.say(topics.PLANS.name, PlanMade(request=event.data.request, plan=_plan(self.route)), "p-1")
        carries = next(each for each in topics.TOPICS if each.name == topic)
        for name in set(carries.consumers) & self.at_work.keys() - self.deaf:
            key_of = action_key_of if name == "executor" else case_key_of
            refine: Refine = escalation_consumer.refine() if name == "escalation" else as_it_is
            headers = headers_of(event)
            head = Head.read(headers, where="test")
            key = key_of(head, body(event.data))
            arrival = refine(carries, head, Arrival(event.id, key, topic, headers, body(event.data), event.reasked))
            if arrival is not None:
                await self.at_work[name].mailbox.receive([arrival])


def _plan(route: Route) -> Plan:
    kind = Classification(
        complexity=Complexity.SIMPLE, frequency=Frequency.COMMON, scenario=Scenario.DIAGNOSTIC, confidence=0.9
    )
    subtask = Subtask(
        id="s1", goal="Light.", agent=AgentName.DIAGNOSTIC, intent="diagnose.lamp", inputs={"lamp": LAMP},
        symptoms=("lamp_dark",),
    )  # fmt: skip
    missing = ("lamp",) if route is Route.CUSTOMER else ()
    return Plan(classification=kind, route=route, reason="because", subtasks=(subtask,), missing=missing)


@contextlib.asynccontextmanager
async def team(folder: Path, *, reasons: dict[str, Any], executes: dict[str, Any]) -> AsyncIterator[Team]:
    """The three services and the rack; `reasons` and `executes` are settings of the first two."""
    domain = folder / "domain"
    shutil.copytree(_RACK, domain)
    (domain / "policy.cedar").write_text(POLICY)
    server, log = grpc.aio.server(), Log(folder / "rack.log")
    add_ToolsServicer_to_server(Rack(log, declared()), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    shared: dict[str, Any] = {"database": f"sqlite:{folder}", "artifacts": folder / "artifacts", "domain": domain}
    expert = Grant(name="ada", role=Role.EXPERT, tenants=("acme",), sha256=fingerprint("key"))
    built = {
        "reasoner": reasoner.build(ReasonerSettings(**shared, **reasons)),
        "executor": executor.build(ExecutorSettings(**shared, tool_servers=(f"127.0.0.1:{port}",), **executes)),
        "escalation": escalation.build(
            EscalationSettings(**shared, keys=(expert,), session_secret="s" * 40, figures_seconds=0.05)
        ),
    }
    try:
        async with contextlib.AsyncExitStack() as stack:
            yield Team(
                {name: await stack.enter_async_context(working(each, "key")) for name, each in built.items()}, log
            )
    finally:
        await server.stop(None)
