"""A reasoner's case under test: events in, what it decides out. A brain by script stands in for the playbook."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aivis import identity
from aivis.artifacts import ArtifactStore
from aivis.events.actions import ActionFinished, ActionRequested, Origin, Purpose
from aivis.events.cases import ModelResponded
from aivis.events.envelope import Event, Payload
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
from aivis.events.replies import Outcome, Status
from aivis.events.tickets import TicketOpened
from aivis.events.timers import TimerDue
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Key, Restoration, Step, Timer
from aivis.modules.library import Library
from services.reasoner import folding
from services.reasoner.advancing import Means
from services.reasoner.agents.agent import Problem
from services.reasoner.brains.playbook.moves import Call, Calls, Move
from services.reasoner.brains.thought import Account, Thought
from services.reasoner.case import Case
from services.reasoner.consumer import Reasoner
from services.reasoner.guards import Budget

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
CASE = identity.case_id("acme", "desk", "T-1")
KEY = Key("acme", CASE)


class Script:
    """A brain that plays prepared moves, one a question; when they are used up it repeats the last."""

    def __init__(self, *moves: Move) -> None:
        self.moves = list(moves)
        self.problems: list[Problem] = []

    async def decide(self, problem: Problem, response: ModelResponded | None, account: Account) -> Thought:
        self.problems.append(problem)
        move = self.moves.pop(0) if len(self.moves) > 1 else self.moves[0]
        return Thought(move, "script")


class Run:
    """One case, turn by turn, as the mailbox would run it."""

    def __init__(self, brain: Script, *, budget: Budget | None = None, artifacts: Path = Path("/nonexistent")) -> None:
        self.reasoner = Reasoner(Means(Library(), brain, budget or Budget(), ArtifactStore(artifacts)))
        self.state: bytes | None = None
        self.version = 0
        self.restored: Restoration | None = None
        self.now = NOW
        self.log: list[Event] = []
        self.published: list[tuple[str, Event]] = []
        self.step = Step()
        self.timers: dict[str, Timer] = {}
        """Those that are set."""

    @property
    def case(self) -> Case:
        assert self.state is not None
        return folding.load(self.state)

    def stands(self, status: Status) -> bool:
        return self.case.status is status

    def ended(self, outcome: Outcome | None) -> bool:
        return self.case.outcome is outcome

    def escalated(self) -> bool:
        return self.case.escalation is not None

    def turn(self, *payloads: Payload) -> Turn:
        events = tuple(event(payload, f"in-{len(self.log)}-{n}", self.now) for n, payload in enumerate(payloads))
        return self.turn_of(*events)

    def turn_of(self, *events: Event) -> Turn:
        state, now, keep, restored = self.state, lambda: self.now, self._keep, self.restored
        return Turn(KEY, state, "", self.version, 0, events, now, keep, restored=restored)

    async def relive(self, *events: Event) -> Step:
        """A turn with events as they are: of the past, say."""
        self._take(await self.reasoner.handle(self.turn_of(*events)))
        return self.step

    async def feed(self, *payloads: Payload) -> Step:
        self._take(await self.reasoner.handle(self.turn(*payloads)))
        return self.step

    async def fire(self, name: str) -> Step:
        """Let the time of a timer that is set pass, and hand it in."""
        timer = self.timers.pop(name)
        assert timer.after is not None
        self.now += timer.after
        return await self.feed(TimerDue(name=name, note=timer.note))

    def give_up(self, *payloads: Payload) -> Step:
        self._take(self.reasoner.give_up(self.turn(*payloads), "it keeps failing"))
        return self.step

    def sent(self, kind: type[Payload]) -> list[Payload]:
        """What was published of `kind` on its own topic in the last step, the case's log left aside."""
        return [each.event.data for each in self.step.publish
                if isinstance(each.event.data, kind) and each.topic != "aivis.case-events"]  # fmt: skip

    async def planned(self, *subtasks: Subtask, route: Route = Route.AGENT) -> Step:
        """A ticket comes in, and its plan."""
        await self.feed(opened())
        return await self.feed(self.plan(*subtasks, route=route))

    def plan(self, *subtasks: Subtask, route: Route = Route.AGENT, missing: tuple[str, ...] = ()) -> PlanMade:
        request = self.case.plan_request
        assert request is not None
        return PlanMade(request=request.request, plan=plan(*subtasks, route=route, missing=missing))

    def actions(self) -> list[ActionRequested]:
        return [data for data in self.sent(ActionRequested) if isinstance(data, ActionRequested)]

    def requests(self) -> list[PlanRequested]:
        return [data for data in self.sent(PlanRequested) if isinstance(data, PlanRequested)]

    async def _keep(self, turn: Turn, step: Step) -> None:
        self._take(step)

    def _take(self, step: Step) -> None:
        self.step = step
        self.version += 1
        self.state = step.state or self.state
        self.log += step.log
        self.published += [(each.topic, each.event) for each in step.publish]
        for timer in step.timers:
            self.timers[timer.name] = timer
        self.timers = {name: timer for name, timer in self.timers.items() if timer.after is not None}


def event(payload: Payload, id: str, time: datetime = NOW) -> Event:
    return Event(id=id, type=payload.TYPE, source="test", tenant="acme", case=CASE, time=time, data=payload)


def opened(text: str = "Port 443 of i-0123456789abcdef0 times out.") -> TicketOpened:
    return TicketOpened(ticket="T-1", source="desk", customer="birch", subject="down", text=text, opened_at=NOW)


def subtask(id: str = "s1", *after: str, inputs: dict[str, object] | None = None) -> Subtask:
    return Subtask(
        id=id, goal=f"goal {id}", agent=AgentName.DIAGNOSTIC, intent="diagnose.connectivity", after=after,
        inputs={"instance_id": "i-0123456789abcdef0"} if inputs is None else inputs,
    )  # fmt: skip


def plan(*subtasks: Subtask, route: Route = Route.AGENT, missing: Sequence[str] = ()) -> Plan:
    classification = Classification(
        complexity=Complexity.SIMPLE, frequency=Frequency.COMMON, scenario=Scenario.DIAGNOSTIC, confidence=0.9
    )
    return Plan(classification=classification, route=route, reason="because", subtasks=subtasks, missing=tuple(missing))


def calls(*tools: str, purpose: Purpose = Purpose.CHECK) -> Move:
    made = tuple(Call(tool, {"instance_id": "i"}, {"instance_id": Origin.TICKET}, purpose) for tool in tools)
    return Move(Calls(made), f"look with {', '.join(tools)}")


def finished(action: ActionRequested, **result: object) -> ActionFinished:
    return ActionFinished(action=action.action, tool=action.tool, result=result, seconds=0.1)


def reminder() -> TimerDue:
    return TimerDue(name="reask")


def later(run: Run, **by: float) -> None:
    run.now += timedelta(**by)
