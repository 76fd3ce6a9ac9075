"""What events make of an action, before anything is done about it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aivis.errors import Conflict, Refused
from aivis.events.actions import ActionRequested, ApprovalDenied, ApprovalGranted, Settlement
from aivis.events.envelope import Event, Past
from aivis.events.timers import TimerDue
from services.executor import answers, parameters
from services.executor.ledger import Entry, State
from services.executor.recalling import recalled


@dataclass(frozen=True)
class Intake:
    """An action after its events."""

    entry: Entry | None
    ended: bool = False
    """By these events."""
    again: bool = False
    """Somebody asks how it stands, or must be reminded."""
    look: bool = False
    """It is time to look up what became of it."""
    early: tuple[Event, ...] = ()
    """Words on an action that is not there yet."""
    refused: tuple[tuple[Event, str], ...] = ()
    """Events that do not count, and why."""
    recalled: bool = False
    """The ledger's own word is among them, of before its database was restored."""
    heard_at: datetime | None = None
    """The database was restored; when the latest was given of the words on it that were there to be heard before."""


def take_in(entry: Entry | None, events: Sequence[Event], now: datetime) -> Intake:
    """Take in what came; the request first, since words on it may overtake it."""
    intake = Intake(entry)
    for event in sorted(events, key=_place):
        try:
            intake = _take(intake, event, now)
        except Refused as error:
            if event.past is None:  # a word of the past has had its effect, or none, then
                intake = replace(intake, refused=(*intake.refused, (event, str(error))))
    return intake


def _place(event: Event) -> int:
    """The request, what the ledger said itself, others' words on it, timers."""
    if isinstance(event.data, ActionRequested):
        return 0
    return 1 if event.past is Past.SAID else 3 if isinstance(event.data, TimerDue) else 2


def _take(intake: Intake, event: Event, now: datetime) -> Intake:
    if event.past is Past.HEARD and isinstance(event.data, ActionRequested | ApprovalGranted):
        intake = replace(intake, heard_at=max(event.time, intake.heard_at or event.time))
    if isinstance(event.data, ActionRequested):
        return _requested(intake, event, event.data, now)
    entry = intake.entry
    if entry is None:
        return replace(intake, early=(*intake.early, event))
    if event.past is Past.SAID:
        return replace(intake, entry=recalled(entry, event), recalled=True)
    if isinstance(event.data, ApprovalGranted):
        seen = entry.approval is not None and entry.approval.event == event.id
        return intake if seen else replace(intake, entry=_granted(entry, event, event.data, now))
    if isinstance(event.data, ApprovalDenied | Settlement):
        ended = entry.denied(event.data) if isinstance(event.data, ApprovalDenied) else entry.settled(event.data)
        return replace(intake, entry=ended, ended=True)
    return _due(intake, entry, event, now)


def _granted(entry: Entry, event: Event, grant: ApprovalGranted, now: datetime) -> Entry:
    """A word of the past counts if it was in time then."""
    granted = entry.granted(grant, event.id, event.time if event.past else now)
    return granted.model_copy(update={"since": now})


def _due(intake: Intake, entry: Entry, event: Event, now: datetime) -> Intake:
    """A timer; one that the action has outrun says nothing."""
    name = event.data.name if isinstance(event.data, TimerDue) else ""
    if name == answers.APPROVAL_TIMER and entry.state is State.WAITING:
        return _reminded(intake, entry, now)
    if name == answers.LOOK_TIMER and entry.state is State.AMBIGUOUS:
        return replace(intake, look=True)
    return intake


def _requested(intake: Intake, event: Event, request: ActionRequested, now: datetime) -> Intake:
    entry = intake.entry
    if entry is None:
        return replace(intake, entry=Entry.proposed(event, request, now))
    digest = parameters.digest(event.tenant, event.case, request)
    if digest != entry.digest:
        raise Conflict(
            f"action {request.action} was asked for with other parameters (digest {entry.digest}, now {digest}):"
            " an action's id stands for one set of parameters, so take a new one"
        )
    return intake if event.id == entry.event else replace(intake, again=True)


def _reminded(intake: Intake, entry: Entry, now: datetime) -> Intake:
    assert entry.approval is not None
    if now >= entry.approval.expires_at:
        return replace(intake, entry=entry.expired(), ended=True)
    return replace(intake, again=True)
