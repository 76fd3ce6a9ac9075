"""A draft: what a turn has decided so far, on its way into one step."""

from datetime import datetime

from aivis import identity, topics
from aivis.errors import NotFound
from aivis.events.cases import DecisionKind, DecisionMade
from aivis.events.envelope import Event, Payload
from aivis.mailbox.values import Outgoing, Step, Timer
from services.reasoner import folding
from services.reasoner.case import Case

SERVICE = "reasoner"

_PUBLIC = {
    kind.TYPE: topic.name
    for topic in topics.TOPICS
    if SERVICE in topic.producers and topic is not topics.CASE_EVENTS
    for kind in topic.events
}
"""The topic of each event that is not only the log's."""


def public_id(entry: str, topic: str) -> str:
    """The id under which an entry of the log goes out on `topic`: a service may read both."""
    return identity.derived(entry, topic)


class Draft:
    """Records events of one case, folding each at once, and turns them into a step."""

    def __init__(self, case: Case | None, *, now: datetime) -> None:
        self._case = case
        self._now = now
        self._log: list[Event] = []
        self._publish: list[Outgoing] = []
        self.timers: list[Timer] = []
        self.cause: Event | None = None
        """The event being answered."""

    @property
    def case(self) -> Case:
        if self._case is None:
            raise NotFound("no case yet: it begins with a ticket")
        return self._case

    @property
    def log(self) -> tuple[Event, ...]:
        """What was recorded since the last step."""
        return tuple(self._log)

    @property
    def begun(self) -> bool:
        return self._case is not None

    @property
    def now(self) -> datetime:
        return self._now

    def take_in(self, event: Event) -> None:
        """Record an input."""
        self.cause = event
        self._add(event.data, tenant=event.tenant, case=event.case)

    def record(self, payload: Payload) -> Event:
        """Record an output; what is for others is published on its own topic too."""
        entry = self._add(payload, tenant=self.case.tenant, case=self.case.id)
        self._tell(entry)
        return entry

    def recall(self, entry: Event) -> None:
        """Take `entry`, which is the next one that the log out there has, as it is; and tell all that it told."""
        entry = entry._replace(past=None)
        self._follow(entry)
        self._tell(entry)
        if isinstance(entry.data, DecisionMade):
            self._send_out(entry, entry.data)

    def decide(self, decision: DecisionMade) -> None:
        """Record a decision and send its actions out."""
        self._send_out(self.record(decision), decision)

    def say_why(self, kind: DecisionKind, brain: str, reason: str, *, subtask: str = "") -> None:
        """Record a decision without actions; what it brings forth is recorded next."""
        self.decide(DecisionMade(kind=kind, brain=brain, reason=reason, subtask=subtask))

    def ask_again(self, payload: Payload, topic: str, *, event_id: str) -> None:
        """Publish again what is outstanding, under the same id."""
        event = Event(
            id=event_id,
            type=payload.TYPE,
            source=SERVICE,
            tenant=self.case.tenant,
            case=self.case.id,
            time=self._now,
            data=payload,
            reasked=True,
        )
        self._publish.append(Outgoing(topic, event))

    def step_id(self, kind: str, ordinal: int = 0) -> str:
        """The id of something that the next recorded event brings forth."""
        return identity.step_id(self.case.id, self.case.sequence + 1, kind, ordinal)

    def change(self, **update: object) -> None:
        """Change what is not the log's: counters of this service's own."""
        self._case = self.case.model_copy(update=update)

    def step(self) -> Step:
        """What was recorded since the last call, as a step."""
        step = Step(
            state=folding.dump(self.case),
            label=self.case.status.value,
            publish=tuple(self._publish),
            log=tuple(self._log),
            timers=tuple(self.timers),
        )
        self._log, self._publish, self.timers = [], [], []
        return step

    def _add(self, payload: Payload, *, tenant: str, case: str) -> Event:
        sequence = self._case.sequence + 1 if self._case is not None else 1
        cause = self.cause
        entry = Event(
            id=identity.step_id(case, sequence, payload.TYPE),
            type=payload.TYPE,
            source=SERVICE,
            tenant=tenant,
            case=case,
            time=self._now,
            data=payload,
            causation=cause.id if cause else None,
            sequence=sequence,
            traceparent=cause.traceparent if cause else None,
        )
        self._follow(entry)
        return entry

    def _follow(self, entry: Event) -> None:
        """The case goes on by `entry`."""
        self._case = folding.opened(entry) if self._case is None else folding.apply(self._case, entry)
        self._log.append(entry)
        self._publish.append(Outgoing(topics.CASE_EVENTS.name, entry))

    def _tell(self, entry: Event) -> None:
        """Publish `entry` where others read it, if they do."""
        public = _PUBLIC.get(entry.type)
        if public is not None:
            id = public_id(entry.id, public)
            self._publish.append(Outgoing(public, entry._replace(sequence=None, id=id)))

    def _send_out(self, entry: Event, decision: DecisionMade) -> None:
        for action in decision.actions:
            event = entry.answer(action, id=action.action, source=SERVICE, time=entry.time)
            self._publish.append(Outgoing(topics.ACTIONS.name, event))
