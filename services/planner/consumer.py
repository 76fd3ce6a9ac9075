"""The planner's mailbox handler: a request in, a plan out. It keeps nothing but what a restored database lacks."""

import asyncio
import time

import orjson
import structlog

from aivis import identity, topics
from aivis.events.envelope import Event, Past
from aivis.events.plans import Classification, Complexity, Frequency, Plan, PlanMade, PlanRequested, Route, Scenario
from aivis.mailbox.telling import lost
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Outgoing, Step
from services.planner import metrics
from services.planner.readiness import Opener

log = structlog.get_logger()

SERVICE = "planner"
_UNKNOWN = Classification(
    complexity=Complexity.COMPLEX, frequency=Frequency.RARE, scenario=Scenario.DIAGNOSTIC, confidence=0
)


class Planning:
    """Answers requests for plans."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        # Each run of the embedding unpacks its weights anew: eight at once take 600 MB and are no faster.
        self._one_at_a_time = asyncio.Lock()

    async def handle(self, turn: Turn) -> Step:
        answered, plans = _answered(turn)
        requests = [event for event in turn.events if isinstance(event.data, PlanRequested)]
        plans += [await self._answer(event, turn) for event in requests if event.id not in answered]
        state = orjson.dumps(answered) if answered else None
        return Step(state=state, publish=tuple([Outgoing(topics.PLANS.name, plan) for plan in plans]))

    def give_up(self, turn: Turn, reason: str) -> Step:
        """The plan is that people plan; where it is not known who asked, they are told past the reasoner."""
        if not turn.events:
            return Step(publish=(lost(turn, reason, service=SERVICE, case=turn.key.name),))
        requests = [event for event in turn.events if isinstance(event.data, PlanRequested)]
        plan = Plan(classification=_UNKNOWN, route=Route.EXPERT, reason=f"No plan can be made: {reason}", failed=True)
        return Step(publish=tuple([Outgoing(topics.PLANS.name, _made(event, plan, turn)) for event in requests]))

    def interrupts(self, event_type: str) -> bool:
        return False

    async def _answer(self, event: Event, turn: Turn) -> Event:
        assert isinstance(event.data, PlanRequested)
        planner = await self._opener.planner()
        async with self._one_at_a_time:
            started = time.monotonic()
            plan = await asyncio.to_thread(planner.plan, event.data)
        metrics.count(plan, time.monotonic() - started)
        log.info("plan made", case=event.case, tenant=event.tenant, route=plan.route, subtasks=len(plan.subtasks))
        return _made(event, plan, turn)


def _answered(turn: Turn) -> tuple[list[str], list[Event]]:
    """Ids of the requests that were answered before the database was restored; of them the answers that come in now.

    A plan made anew may be another, and two under one id there cannot be.
    """
    said = [event._replace(past=None) for event in turn.events if event.past is Past.SAID]
    answered = [] if turn.state is None else list[str](orjson.loads(turn.state))
    return [*answered, *[plan.causation for plan in said if plan.causation is not None]], said


def _made(request: Event, plan: Plan, turn: Turn) -> Event:
    assert isinstance(request.data, PlanRequested)
    made = PlanMade(request=request.data.request, plan=plan)
    return request.answer(made, id=identity.derived("plan", request.id), source=SERVICE, time=turn.now())
