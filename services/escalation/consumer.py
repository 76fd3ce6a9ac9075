"""The escalation service's mailbox: what may enter, and what a turn does with it."""

from aivis import identity, topics
from aivis.admission import Refine
from aivis.errors import AivisError, Invalid, http_status
from aivis.events.actions import ActionUnsettled, ApprovalRequested
from aivis.events.envelope import Event, Head, Past
from aivis.events.escalations import FeedbackGiven
from aivis.mailbox.telling import lost
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Arrival, Outgoing, Step
from aivis.topics import Topic
from services.escalation import desk, entry, folding
from services.escalation.bookkeeping import Bookkeeper
from services.escalation.entry import KEPT_ANSWERS, Answer, Entry
from services.escalation.recalling import recalled

SERVICE = "escalation"
_COMMANDS = frozenset(kind.TYPE for kind in desk.COMMANDS)
_WAITING = frozenset({ApprovalRequested.TYPE, ActionUnsettled.TYPE})


def refine() -> Refine:
    """What may enter: escalations, actions that wait for a person, and cases' whole logs, told by their numbers."""

    def admitted(topic: Topic, head: Head, arrival: Arrival) -> Arrival | None:
        if topic is topics.CASE_EVENTS:
            if head.sequence is None:
                raise Invalid(f"{topic.name} {head.id}: an entry of a case's log needs ce_sequence")
            return arrival._replace(event_id=f"log/{head.id}")
        if topic is topics.RESULTS and head.type not in _WAITING:
            return None
        headers = tuple((name, value) for name, value in arrival.headers if name != "ce_sequence")
        return arrival._replace(headers=headers)

    return admitted


class Desk:
    """Handles a case's turn."""

    def __init__(self, bookkeeper: Bookkeeper) -> None:
        self._bookkeeper = bookkeeper

    async def handle(self, turn: Turn) -> Step:
        draft = Draft(turn)
        for event in turn.events:
            if event.past is Past.SAID:
                draft.recall(event)
            elif event.sequence is not None:
                draft.log(event)
            elif event.type in _COMMANDS:
                draft.command(event)
            else:
                draft.wait(event)
        self._bookkeeper.note(turn.key, turn.version + 1)
        return draft.step()

    def give_up(self, turn: Turn, reason: str) -> Step:
        """Whoever waits for a command hears that it failed; of anything else the case's experts are told here."""
        draft = Draft(turn)
        commands = [each.id for each in turn.about if each.sequence is None and each.type in _COMMANDS]
        for id in commands:
            draft.answer(id, Answer(status=500, detail=f"a fault of ours: {reason[:300]}"))
        if not commands or len(commands) < len(turn.about):
            draft.lost(reason)
        return draft.step()

    def interrupts(self, event_type: str) -> bool:
        return False


class Draft:
    """What a turn has made of its events so far, on its way into one step."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._entry = entry.load(turn.state)
        self._log: list[Event] = []
        self._publish: list[Outgoing] = []
        self._known = _actions(self._entry)

    def log(self, event: Event) -> None:
        """An entry of the case's log."""
        self._entry = folding.logged(self._entry, event)
        self._keep(event)

    def recall(self, event: Event) -> None:
        """An expert's word of before the database was restored."""
        event = event._replace(past=None)
        self._entry = recalled(self._entry, event)
        topic = topics.FEEDBACK if isinstance(event.data, FeedbackGiven) else topics.APPROVALS
        self._publish.append(Outgoing(topic.name, event))
        self._keep(event)
        self.answer(event.id, Answer(status=200, detail="done"))

    def wait(self, event: Event) -> None:
        """Something that waits for a person."""
        self._entry = folding.waits(self._entry, event)

    def command(self, event: Event) -> None:
        """An expert's word: carried out, or refused; either way the expert hears of it."""
        now = self._turn.now()
        try:
            done = desk.carry_out(self._entry, event, now)
        except AivisError as refusal:
            self.answer(event.id, Answer(status=http_status(refusal).value, detail=str(refusal)))
            return
        self._entry = done.entry
        self.answer(event.id, Answer(status=200, detail=done.detail))
        if done.topic:
            self._publish.append(Outgoing(done.topic, event))
        if done.topic in (topics.APPROVALS.name, topics.FEEDBACK.name):
            self._keep(event)  # the case's own log does not tell of these
        if done.feedback is not None:
            id = identity.derived(event.id, "feedback")
            feedback = event.answer(done.feedback, id=id, source=SERVICE, time=now)
            self._publish.append(Outgoing(topics.FEEDBACK.name, feedback))

    def lost(self, reason: str) -> None:
        """Something about the case that could not be taken in."""
        told = lost(self._turn, reason, service=SERVICE, case=self._turn.key.name)
        self._entry = folding.waits(self._entry, told.event)

    def answer(self, command: str, answer: Answer) -> None:
        latest = [*self._entry.answers.items()][1 - KEPT_ANSWERS :]
        self._entry = self._entry.model_copy(update={"answers": {**dict(latest), command: answer}})

    def step(self) -> Step:
        """The names taken let an action be found by its id alone."""
        new = sorted(_actions(self._entry) - self._known)
        return Step(
            state=entry.dump(self._entry),
            label=self._entry.place.value,
            publish=tuple(self._publish),
            log=tuple(self._log),
            take=tuple(map(action_name, new)),
        )

    def _keep(self, event: Event) -> None:
        last = self._entry.last + 1
        self._entry = self._entry.model_copy(update={"last": last})
        self._log.append(event._replace(sequence=last))


def action_name(action: str) -> str:
    """The name under which the case of an action that waits for a person is found."""
    return f"action:{action}"


def _actions(entry: Entry) -> set[str]:
    return {approval.action for approval in entry.approvals} | {doubt.action for doubt in entry.doubts}
