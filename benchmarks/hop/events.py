"""The events of the measurement: 1 KB each, every one of a case of its own, which is the dearest way for a mailbox."""

from datetime import UTC, datetime

from aivis import identity
from aivis.events.envelope import Event, Record, encode
from aivis.events.plans import Classification, Complexity, Frequency, Plan, PlanMade, PlanRequested, Route, Scenario
from aivis.topics import Topic

TENANT = "acme"
SERVICE = "bench"
_TIME = datetime(2026, 3, 2, tzinfo=UTC)
_TEXT = "It times out. " * 68
"""Fills the record's value up to 1 KB."""
_SIMPLE = Classification(
    complexity=Complexity.SIMPLE, frequency=Frequency.COMMON, scenario=Scenario.DIAGNOSTIC, confidence=1
)
_PLAN = Plan(classification=_SIMPLE, route=Route.AGENT, reason=_TEXT[:-60])
ANSWER = PlanMade(request="0", plan=_PLAN)
"""What every request is answered with: about as large as the request, and decided beforehand."""


def asking(name: str) -> Topic:
    """A topic of requests, of this run alone."""
    return Topic(name, "Requests.", (), (), (PlanRequested,))


def answering(name: str) -> Topic:
    """A topic of answers, of this run alone."""
    return Topic(name, "Answers.", (), (), (PlanMade,))


def request(run: str, number: int) -> Event:
    data = PlanRequested(request=str(number), text=_TEXT, customer="mia")
    id = identity.derived("request", run, number)
    case = identity.derived("case", run, number)
    return Event(id=id, type=data.TYPE, source="reasoner", tenant=TENANT, case=case, time=_TIME, data=data)


def record(run: str, number: int, topic: str) -> Record:
    return encode(request(run, number), topic)


def answered(event: Event, now: datetime) -> Event:
    id = identity.derived(event.id, "plan")
    return event.answer(ANSWER, id=id, source=SERVICE, time=now)
