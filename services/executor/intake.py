"""What events make of an action, before anything is done about it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aivis.errors import Conflict, Refused
from aivis.events.actions import ActionRequested, ApprovalDenied, ApprovalGranted, Settlement
from aivis.events.envelope import Event
from aivis.events.timers import TimerDue
from services.executor import answers, parameters
from services.executor.ledger import Entry, State


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


def take_in(entry: Entry | None, events: Sequence[Event], now: datetime) -> Intake:
    """Take in what came; the request first, since words on it may overtake it."""
    intake = Intake(entry)
    for event in sorted(events, key=lambda event: not isinstance(event.data, ActionRequested)):
        try:
            intake = _take(intake, event, now)
        except Refused as error:
            intake = replace(intake, refused=(*intake.refused, (event, str(error))))
    return intake


def _take(intake: Intake, event: Event, now: datetime) -> Intake:
    if isinstance(event.data, ActionRequested):
        return _requested(intake, event, event.data, now)
    entry = intake.entry
    if entry is None:
        return replace(intake, early=(*intake.early, event))
    if isinstance(event.data, ApprovalGranted):
        seen = entry.approval is not None and entry.approval.event == event.id
        return intake if seen else replace(intake, entry=entry.granted(event.data, event.id, now))
    if isinstance(event.data, ApprovalDenied | Settlement):
        ended = entry.denied(event.data) if isinstance(event.data, ApprovalDenied) else entry.settled(event.data)
        return replace(intake, entry=ended, ended=True)
    return _due(intake, entry, event, now)


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
