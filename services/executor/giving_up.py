"""What is recorded and told of an action when messages about it are given up on: nobody waits in vain."""

from datetime import datetime

from aivis import identity, topics
from aivis.events.actions import ActionFailed, ActionRequested, FailureKind
from aivis.events.envelope import Event
from aivis.mailbox.telling import lost
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Outgoing, Step
from services.executor import answers, metrics
from services.executor.ledger import Entry, State


def give_up(turn: Turn, entry: Entry | None, reason: str) -> Step:
    """An action that cannot be carried on ends, told; what is in doubt goes to people.

    A word that does not come through changes no action: people are told of it, but where the action is over.
    """
    requested = any(each.type == ActionRequested.TYPE for each in turn.about)
    entry = entry or _proposed(turn)
    if entry is None:
        return _never_begun(turn, reason) if requested else _word_lost(turn, _case(turn), reason)
    if turn.unread or (entry.state is State.WAITING and not requested):
        return Step() if entry.over else _word_lost(turn, entry.case, reason)
    return _ended(entry, reason, turn.now())


def _proposed(turn: Turn) -> Entry | None:
    asked = ((event, event.data) for event in turn.events if isinstance(event.data, ActionRequested))
    return next((Entry.proposed(event, request, turn.now()) for event, request in asked), None)


def _case(turn: Turn) -> str:
    """The case of the action: the mailbox's key is the action."""
    cases = [*[event.case for event in turn.events], *[head.subject for head in turn.unread], turn.key.name]
    return cases[0]


def _word_lost(turn: Turn, case: str, reason: str) -> Step:
    return Step(publish=(lost(turn, reason, service=answers.SOURCE, case=case),))


def _never_begun(turn: Turn, reason: str) -> Step:
    """The request itself cannot be read: who asked is told that nothing was done."""
    first, action = next(iter(turn.about), None), turn.key.name
    data = ActionFailed(action=action, tool="unknown", kind=FailureKind.INVALID, message=reason)
    event = Event(
        id=identity.derived(turn.key.tenant, action, data.TYPE),
        type=data.TYPE,
        source=answers.SOURCE,
        tenant=turn.key.tenant,
        case=_case(turn),
        time=turn.now(),
        data=data,
        causation=first.id if first else None,
        traceparent=first.traceparent if first else None,
    )
    return Step(publish=(Outgoing(topics.RESULTS.name, event),))


def _ended(entry: Entry, reason: str, now: datetime) -> Step:
    """What to record of an action whose turn keeps failing by a fault of ours."""
    if entry.over or entry.state in (State.AMBIGUOUS, State.WAITING):
        return Step()
    if entry.state is State.INTENT and entry.is_effect:
        ended = entry.doubted(now).ambiguous(f"the executor failed over it: {reason}")
    else:
        ended = entry.failed(FailureKind.UNAVAILABLE, f"the executor failed over it: {reason}")
    metrics.count(ended)
    return answers.step(ended, now)
