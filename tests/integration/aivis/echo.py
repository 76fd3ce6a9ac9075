"""A whole service that answers every plan request with its place in its case: what is done twice or lost would show.

`python -m tests.integration.aivis.echo` runs it as its own process. Its topics are its own: on a broker that others use
too, a suffix keeps runs apart.
"""

import asyncio
from dataclasses import replace
from typing import ClassVar

import orjson

from aivis import identity, topics
from aivis.bus import Bus
from aivis.errors import Conflict, Invalid, NotFound, Refused, Transient, Unknown
from aivis.events.envelope import Event
from aivis.events.plans import Classification, Complexity, Frequency, Plan, PlanMade, PlanRequested, Route, Scenario
from aivis.mailbox.limits import Limits
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.stores.opening import open_store
from aivis.mailbox.telling import lost
from aivis.mailbox.turn import NotYet, Turn
from aivis.mailbox.values import Outgoing, Step
from aivis.service import Service, run
from aivis.settings import ServiceSettings
from aivis.topics import Topic

SERVICE = "test"
REQUESTS = Topic("aivis.test.requests", "Requests.", ("test",), ("test",), (PlanRequested,))
ANSWERS = Topic("aivis.test.answers", "Answers.", ("test",), ("test",), (PlanMade,))
_SIMPLE = Classification(
    complexity=Complexity.SIMPLE, frequency=Frequency.COMMON, scenario=Scenario.DIAGNOSTIC, confidence=1
)


POISON: dict[str, type[Exception]] = {
    "invalid": Invalid,
    "not found": NotFound,
    "refused": Refused,
    "conflict": Conflict,
    "transient": Transient,
    "early": NotYet,
    "unknown": Unknown,
    "a fault of ours": KeyError,
}
"""What a turn with a request of this text raises."""


class EchoSettings(ServiceSettings):
    PART: ClassVar[str] = SERVICE

    dawdle_ms: int = 0
    """How long a turn takes."""
    backlog: int = 5_000
    patience_seconds: float = 900
    """How long what may pass, or is early, is tried."""
    suffix: str = ""
    """Of the topics' names."""


class Echo:
    """Numbers the requests of a case and answers each with its number."""

    def __init__(self, settings: EchoSettings) -> None:
        self._seconds = settings.dawdle_ms / 1000
        self._answers = ANSWERS.name + settings.suffix

    async def handle(self, turn: Turn) -> Step:
        await asyncio.sleep(self._seconds)
        for event in turn.events:
            assert isinstance(event.data, PlanRequested)
            if (kind := POISON.get(event.data.text)) is not None:
                raise kind(f"{event.id} is poison")
        seen = [] if turn.state is None else orjson.loads(turn.state)
        answers = tuple(self._answer(turn, event, len(seen) + n) for n, event in enumerate(turn.events, 1))
        state = orjson.dumps([*seen, *(event.id for event in turn.events)])
        return Step(state=state, label="answered", publish=answers)

    def _answer(self, turn: Turn, event: Event, place: int) -> Outgoing:
        plan = Plan(classification=_SIMPLE, route=Route.AGENT, reason=str(place))
        id = identity.derived(event.id, "plan")
        made = PlanMade(request=event.id, plan=plan)
        return Outgoing(self._answers, event.answer(made, id=id, source=SERVICE, time=turn.now()))

    def give_up(self, turn: Turn, reason: str) -> Step:
        return Step(publish=(lost(turn, reason, service=SERVICE, case=turn.key.name),))

    def interrupts(self, event_type: str) -> bool:
        return False


def build(settings: EchoSettings) -> Service:
    store = open_store(settings.database, SERVICE)
    patience = settings.patience_seconds
    limits = Limits(
        in_flight=settings.in_flight, backlog=settings.backlog, transient_seconds=patience, early_seconds=patience
    )
    mailbox = Mailbox(SERVICE, store, Echo(settings), limits=limits)
    bus = Bus(SERVICE, settings)
    asked, answered = (replace(topic, name=topic.name + settings.suffix) for topic in (REQUESTS, ANSWERS))
    bus.subscribe([asked], mailbox)
    return Service(SERVICE, settings, mailbox, bus, topics=[asked, answered, topics.ESCALATIONS])


if __name__ == "__main__":
    run(build(EchoSettings.load()))
