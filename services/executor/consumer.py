"""The executor's mailbox handler, and the key its mailbox goes by: the action."""

import orjson
import structlog

from aivis.errors import Invalid, Refused
from aivis.events.envelope import Head
from aivis.mailbox.turn import NotYet, Turn
from aivis.mailbox.values import Key, Step
from services.executor import answers, metrics
from services.executor.acting import Acting
from services.executor.giving_up import give_up
from services.executor.intake import Intake, take_in
from services.executor.ledger import Entry, State
from services.executor.means import Means
from services.executor.recalling import doubt, given_up

log = structlog.get_logger()

MAX_ACTION_ID = 200


def action_key_of(head: Head, value: bytes) -> Key:
    """The action that an event is about, so that a case's calls run side by side; `Invalid` when it names none."""
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{head.type} {head.id}: the body is not JSON: {error}") from error
    action = document.get("action") if isinstance(document, dict) else None
    if not isinstance(action, str) or not 0 < len(action) <= MAX_ACTION_ID:
        raise Invalid(f"{head.type} {head.id}: field action: must be a text of 1 to {MAX_ACTION_ID} characters")
    return Key(head.tenant, action)


class Executor:
    """Handles an action's turn."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def handle(self, turn: Turn) -> Step:
        before = _entry(turn)
        entry = given_up(before, turn.restored, turn.now())
        intake = take_in(entry, turn.events, turn.now())
        for event, reason in intake.refused:
            metrics.REFUSED.labels(event.type).inc()
            log.warning("event does not count", case=event.case, id=event.id, type=event.type, reason=reason)
        if intake.entry is None:
            what = ", ".join(f"{event.type} {event.id}" for event in intake.early)
            raise NotYet(f"{what}: there is no action {turn.key.name} of tenant {turn.key.tenant} yet", seconds=1)
        acting = Acting(turn, self._means, doubt(intake.entry, turn.restored, intake.heard_at))
        if intake.recalled and intake.entry != before:
            return await acting.recall(intake.entry)
        if intake.ended or (entry is not before and intake.entry == entry):
            return acting.end(intake.entry)
        if intake.look:
            return await acting.look_again(intake.entry)
        if intake.entry.over or intake.entry.state in (State.WAITING, State.AMBIGUOUS):
            return self._standing(intake, intake.entry, turn)
        return await acting.proceed(intake.entry)

    def give_up(self, turn: Turn, reason: str) -> Step:
        """Who waits for the action is told, or people are."""
        return give_up(turn, _entry(turn), reason)

    def interrupts(self, event_type: str) -> bool:
        """Nothing tears a call under way."""
        return False

    def _standing(self, intake: Intake, entry: Entry, turn: Turn) -> Step:
        """Nothing is to be done but to tell, when asked, how the action stands."""
        if intake.again:
            return answers.step(entry, turn.now(), reask=self._means.bounds.reask, again=True)
        if intake.refused:
            raise Refused(intake.refused[0][1])
        return Step()


def _entry(turn: Turn) -> Entry | None:
    return None if turn.state is None else Entry.load(turn.state)
