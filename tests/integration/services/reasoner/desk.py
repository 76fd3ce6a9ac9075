"""A whole case around a real reasoner: its planner's plan, its executor's policy, and a small cloud by hand."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aivis import identity
from aivis.errors import AivisError
from aivis.events.actions import ActionFailed, ActionFinished, ActionRequested, ApprovalRequested, FailureKind, Purpose
from aivis.events.cases import DecisionMade
from aivis.events.envelope import Event, JsonObject, Payload
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
from aivis.modules import catalogue
from services.executor import parameters, policy
from services.reasoner import folding
from services.reasoner.case import Case
from services.reasoner.main import build
from services.reasoner.settings import ReasonerSettings
from tests.integration.services.working import Working, working
from tests.unit.domains.cloud.modules.cloud import ME, Cloud

DOMAIN = Path(__file__).parents[4] / "domains/cloud"
TOOLS = catalogue.read(DOMAIN / "tools.json")
POLICIES = policy.Policies.read(DOMAIN / "policy.cedar")
CASE = identity.case_id("acme", "desk", "T-1")


def settings(folder: Path, url: str, **changes: Any) -> ReasonerSettings:
    given = {"database": f"sqlite:{folder}", "artifacts": folder / "artifacts", "domain": DOMAIN, "model_url": url}
    return ReasonerSettings(**{**given, "model_name": "m", "model_timeout": 2.0, **changes})


@dataclass
class Desk:
    """Plays what stands around the reasoner: plans when asked, and carries out what policy allows."""

    working: Working
    cloud: Cloud
    done: list[ActionRequested] = field(default_factory=list)
    judged: list[tuple[ActionRequested, policy.Judgement]] = field(default_factory=list)
    _seen: int = 0

    async def ticket(self, intent: str, *, text: str = f"My server {ME} is down.", most: int = 40) -> Case:
        """Open a ticket, and play until the case waits for nobody of ours."""
        self._subtask = _subtask(intent)
        await self.deliver(_opened(text))
        for _ in range(most):
            answers = [answer for event in self._fresh() for answer in self._answer(event.data)]
            if not answers:
                return await self.case()
            await self.deliver(*answers)
        raise AssertionError(f"no end: {[each.reason for each in self.logged(DecisionMade)]}")

    async def deliver(self, *payloads: Payload) -> None:
        made = [_event(payload, f"in-{self._seen}-{n}") for n, payload in enumerate(payloads)]
        await self.working.deliver(*made)

    async def case(self) -> Case:
        answer = await self.working.http.get(f"/v1/tenants/acme/cases/{CASE}")
        return folding.load(answer.content)

    def logged(self, kind: type[Any]) -> list[Any]:
        """The entries of a kind in the case's log."""
        return [event.data for event in self.working.shelf.on("aivis.case-events") if isinstance(event.data, kind)]

    def brains(self) -> list[str]:
        """Who made each decision about the subtask."""
        return [each.brain for each in self.logged(DecisionMade) if each.subtask]

    def tools(self) -> list[str]:
        return [action.tool.removeprefix("cloud.") for action in self.done]

    def _fresh(self) -> Sequence[Event]:
        new = self.working.shelf.events[self._seen :]
        self._seen += len(new)
        return [event for topic, event in new if topic in {"aivis.plan-requests", "aivis.actions"}]

    def _answer(self, data: Payload) -> list[Payload]:
        if isinstance(data, PlanRequested):
            return [PlanMade(request=data.request, plan=_plan(self._subtask))]
        assert isinstance(data, ActionRequested)
        judgement = POLICIES.judge(_question(data))
        self.judged.append((data, judgement))
        if judgement.verdict is not policy.Verdict.ALLOW:
            return [_approval(data, judgement.reason)]
        self.done.append(data)
        return [self._carried_out(data)]

    def _carried_out(self, data: ActionRequested) -> Payload:
        try:
            if data.purpose is Purpose.UNDO and data.undoes:
                result = self.cloud.undo(data.undoes)
            else:
                result = self.cloud.call(data.tool, data.arguments, data.action)
        except AivisError as error:
            return ActionFailed(action=data.action, tool=data.tool, kind=FailureKind.REFUSED, message=str(error))
        return ActionFinished(action=data.action, tool=data.tool, result=result, seconds=0.1)


def _question(action: ActionRequested) -> policy.Question:
    risk = TOOLS[action.tool].risk
    return policy.Question(
        tenant="acme",
        customer=action.customer,
        agent=action.agent,
        tool=action.tool,
        risk=risk,
        purpose=action.purpose,
        autonomy=action.autonomy,
        resource=str(action.arguments.get("instance_id", "")),
        arguments=action.arguments,
        origins=parameters.origins(action),
    )


def _approval(action: ActionRequested, reason: str) -> ApprovalRequested:
    return ApprovalRequested(
        action=action.action, tool=action.tool, arguments=action.arguments, digest="d" * 64, risk="destructive",
        reason=reason, expires_at=datetime.now(UTC),
    )  # fmt: skip


def _subtask(intent: str) -> Subtask:
    agent = AgentName.OPERATIONS if intent.startswith("operate.") else AgentName.DIAGNOSTIC
    inputs: JsonObject = {"instance_id": ME}
    return Subtask(id="s1", goal="Help the customer.", agent=agent, intent=intent, inputs=inputs)


def _plan(subtask: Subtask) -> Plan:
    kind = Classification(
        complexity=Complexity.SIMPLE, frequency=Frequency.COMMON, scenario=Scenario.DIAGNOSTIC, confidence=0.9
    )
    return Plan(classification=kind, route=Route.AGENT, reason="because", subtasks=(subtask,))


def _opened(text: str) -> TicketOpened:
    now = datetime.now(UTC)
    return TicketOpened(ticket="T-1", source="desk", customer="birch", subject="down", text=text, opened_at=now)


def _event(payload: Payload, id: str) -> Event:
    return Event(id=id, type=payload.TYPE, source="t", tenant="acme", case=CASE, time=datetime.now(UTC), data=payload)


@contextlib.asynccontextmanager
async def desk(folder: Path, url: str, cloud: Cloud, **changes: Any) -> AsyncIterator[Desk]:
    """A reasoner, wired as in production, whose model is at `url`."""
    async with working(build(settings(folder, url, **changes))) as at_work:
        yield Desk(at_work, cloud)
