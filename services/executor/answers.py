"""From an entry of the ledger to the step that records it and tells of it. Pure."""

from datetime import datetime, timedelta

from aivis import identity, topics
from aivis.events.actions import ActionFailed, ActionFinished, ActionUnsettled, ApprovalRequested
from aivis.events.envelope import Event, Payload
from aivis.mailbox.values import Outgoing, Step, Timer
from aivis.toolkit.declaration import Repeat
from services.executor.ledger import Entry, State

SOURCE = "executor"
APPROVAL_TIMER = "approval"
LOOK_TIMER = "look"
MAX_LOOKS = 12
_FIRST_LOOK = timedelta(minutes=1)
_LONGEST_LOOK = timedelta(hours=1)
NO_APPROVAL_TIMER = Timer(APPROVAL_TIMER, None)


def step(entry: Entry, now: datetime, *, reask: timedelta = timedelta(minutes=5), again: bool = False) -> Step:
    """The step that makes `entry` durable, tells of it where somebody waits, and frees what it no longer holds.

    `reask` is how often an approval is asked for again; `again` says that it was told before.
    """
    event = told(entry, now)
    if event is not None and again and entry.state is State.WAITING:
        event = event._replace(reasked=True)
    return Step(
        state=entry.dump(),
        label=entry.state.value,
        publish=() if event is None else (Outgoing(topics.RESULTS.name, event),),
        timers=_timers(entry, now, reask),
        free=entry.freed,
    )


def told(entry: Entry, now: datetime) -> Event | None:
    """The event that tells how `entry` stands; None while nobody need know. The same id whenever it is told."""
    data = _payload(entry)
    if data is None:
        return None
    return Event(
        id=identity.derived(entry.tenant, entry.request.action, data.TYPE),
        type=data.TYPE,
        source=SOURCE,
        tenant=entry.tenant,
        case=entry.case,
        time=now,
        data=data,
        causation=entry.event,
        traceparent=entry.traceparent,
    )


def _payload(entry: Entry) -> Payload | None:
    if entry.state is State.WAITING:
        return _approval_asked(entry)
    if entry.outcome is None:
        return None
    action, tool, outcome = entry.request.action, entry.request.tool, entry.outcome
    if entry.state is State.AMBIGUOUS:
        return ActionUnsettled(action=action, tool=tool, arguments=entry.request.arguments, message=outcome.message)
    if outcome.failure is not None:
        message, seconds = outcome.message, outcome.seconds
        return ActionFailed(
            action=action, tool=tool, kind=outcome.failure, message=message, seconds=seconds, calls=max(1, entry.calls)
        )
    return ActionFinished(
        action=action,
        tool=tool,
        result=outcome.result,
        result_artifact=outcome.artifact,
        seconds=outcome.seconds,
        note=outcome.note,
        calls=max(1, entry.calls),
    )


def _approval_asked(entry: Entry) -> ApprovalRequested:
    assert entry.approval is not None
    assert entry.terms is not None
    return ApprovalRequested(
        action=entry.request.action,
        tool=entry.request.tool,
        arguments=entry.request.arguments,
        digest=entry.digest,
        risk=entry.terms.risk.value,
        reason=entry.approval.reason,
        expires_at=entry.approval.expires_at,
    )


def _timers(entry: Entry, now: datetime, reask: timedelta) -> tuple[Timer, ...]:
    if entry.state is State.WAITING and entry.approval is not None:
        return (Timer(APPROVAL_TIMER, min(reask, max(entry.approval.expires_at - now, timedelta(0)))),)
    timers = [] if entry.approval is None else [NO_APPROVAL_TIMER]
    if entry.state is State.AMBIGUOUS and may_look(entry):
        timers.append(Timer(LOOK_TIMER, min(_FIRST_LOOK * 2**entry.looks, _LONGEST_LOOK)))
    elif entry.state is State.RESOLVED:
        timers.append(Timer(LOOK_TIMER, None))
    return tuple(timers)


def may_look(entry: Entry) -> bool:
    """Whether a later lookup may still settle it."""
    return entry.terms is not None and entry.terms.repeat is Repeat.LOOKUP and entry.looks < MAX_LOOKS
