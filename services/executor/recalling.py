"""The ledger after its database was restored: what it had said stands, and what it may have done counts as done or not.

What came of an action was published, and is read again; so is every expert's word. An action that was asked for, and
of which nothing more is known, may have been called: it is in doubt, and settled as its tool declares. It was not
called where policy wants an expert's word and none was given.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from aivis.errors import Invalid, NotFound, Refused, Transient
from aivis.events.actions import ActionFailed, ActionFinished, ActionUnsettled, ApprovalRequested
from aivis.events.envelope import Event
from aivis.mailbox.turn import Pause, Turn
from aivis.mailbox.values import Restoration
from services.executor.ledger import Approval, Entry, Outcome, State, undo_name
from services.executor.means import Means

log = structlog.get_logger()

_FOR_TERMS = timedelta(minutes=10)
"""How long after a restoration tool servers may take to say which tools they have."""
LACKING = timedelta(days=7)
"""How long after a restoration an action may come that was asked for before, where the bus has lost something:
upstream brings tickets again, and their cases take the steps that they took."""


def recalled(entry: Entry, event: Event) -> Entry:
    """The entry as the ledger's own word `event` tells that it stood. A later word stands; so does an end."""
    if entry.over:
        return entry
    match event.data:
        case ActionFinished() as data:
            outcome = Outcome(result=data.result, artifact=data.result_artifact, note=data.note, seconds=data.seconds)
            return entry.recalled(_end(entry, State.DONE), outcome=outcome)
        case ActionFailed() as data:
            outcome = Outcome(failure=data.kind, message=data.message, seconds=data.seconds)
            return entry.recalled(_end(entry, State.FAILED), outcome=outcome)
        case ActionUnsettled() as data:
            return entry.recalled(State.AMBIGUOUS, outcome=Outcome(message=data.message))
        case ApprovalRequested() as data if entry.state is State.PROPOSED:
            return entry.recalled(State.WAITING, approval=Approval(reason=data.reason, expires_at=data.expires_at))
        case _:
            return entry


def _end(entry: Entry, state: State) -> State:
    return State.RESOLVED if entry.state is State.AMBIGUOUS else state


@dataclass(frozen=True)
class Doubt:
    """Why an action that is about to be carried out may have been before: the database was restored."""

    restoration: Restoration
    heard_at: datetime | None
    """When the latest word on it was given that was there before; None: there was none."""

    @property
    def since(self) -> datetime:
        """It was not called before."""
        return max(self.restoration.since, self.heard_at or self.restoration.since)

    @property
    def why(self) -> str:
        """For people."""
        since = f"{self.restoration.since:%Y-%m-%d %H:%M:%S} UTC"
        return f"the executor's database was put back to {since}, so it may have been carried out before"

    def about(self, entry: Entry, now: datetime) -> Entry:
        """`entry`, in doubt."""
        return entry.perhaps_called(self.since, now, self.restoration.id)

    def to_approve(self, entry: Entry) -> Entry:
        """`entry`, once a person is told of the doubt before they allow it."""
        return entry.model_copy(update={"restored": self.restoration.id})


def given_up(entry: Entry | None, restoration: Restoration | None, now: datetime) -> Entry | None:
    """Where the bus has lost something: an action that waits for an expert's word may have had it, and been done."""
    if entry is None or entry.state is not State.WAITING or (about := doubt(entry, restoration, None)) is None:
        return entry
    if entry.since > about.restoration.at:
        return entry
    return about.about(entry, now).ambiguous(about.why)


def doubt(entry: Entry, restoration: Restoration | None, heard_at: datetime | None) -> Doubt | None:
    """The doubt about `entry`, if there is one; `heard_at` as in `Doubt`.

    Where the bus has lost something, it is about whatever was there, and about what comes again.
    """
    if restoration is None or entry.restored == restoration.id or entry.over:
        return None
    if entry.state in (State.INTENT, State.AMBIGUOUS):
        return None  # as doubtful as it can be
    if heard_at is None and (restoration.whole or entry.since > restoration.at + LACKING):
        return None
    return Doubt(restoration, heard_at)


async def with_terms(entry: Entry, turn: Turn, means: Means) -> Entry:
    """Under the terms that its tool has now; without, where it has none or does not say so for long."""
    try:
        return entry.model_copy(update={"terms": (await means.prepare(entry)).terms})
    except Transient as error:
        if turn.restored is not None and turn.now() - turn.restored.at < _FOR_TERMS:
            raise Pause(f"action {entry.request.action}: its terms are not known: {error}", seconds=1) from error
    except (Invalid, NotFound, Refused) as error:
        log.warning("action recalled without terms", case=entry.case, error=str(error))
    return entry


def to_hold(entry: Entry) -> tuple[str, ...]:
    """The names that an entry holds where it stands."""
    if entry.state is State.AMBIGUOUS:
        return entry.held
    return (undo_name(entry.request.undoes),) if entry.request.undoes and entry.happened else ()
