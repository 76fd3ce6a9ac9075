"""From a service's step to the rows that the store commits."""

from datetime import datetime
from typing import NamedTuple

from aivis import identity, topics
from aivis.events import envelope
from aivis.events.envelope import Event
from aivis.events.timers import TimerDue
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Burial, Key, LogRow, Message, OutboxRow, Outgoing, Step, Timer, TimerRow, Write


class Ending(NamedTuple):
    """What ends with a turn: messages that are done, and those that are buried, each with its dead letter."""

    done: tuple[int, ...] = ()
    burials: tuple[tuple[Burial, OutboxRow], ...] = ()
    release: bool = True
    """The turn is over."""


GOING_ON = Ending(release=False)
"""Nothing: the turn goes on after the commit."""


def write(turn: Turn, epoch: int, step: Step, *, service: str, ending: Ending = GOING_ON) -> Write:
    """`step` under the fence of `turn`, and what ends with it.

    `Invalid` when an event is larger than a record may be.
    """
    outbox = tuple([_outbox(outgoing) for outgoing in step.publish])
    return Write(
        key=turn.key,
        epoch=epoch,
        version=turn.version,
        state=step.state,
        label=step.label,
        done=ending.done,
        dead=tuple([burial for burial, _ in ending.burials]),
        outbox=(*outbox, *[letter for _, letter in ending.burials]) if ending.burials else outbox,
        log=tuple([_log(event) for event in step.log]),
        timers=tuple([_timer(turn, timer, service) for timer in step.timers]),
        take=step.take,
        free=step.free,
        unless=step.unless,
        release=ending.release,
    )


def burial(message: Message, key: Key, reason: str) -> tuple[Burial, OutboxRow]:
    """The end of a message: out of the inbox, and onto the dead-letter topic with its reason."""
    id = identity.derived("dead-letter", key.tenant, message.event_id)
    headers = (*message.headers, ("aivis_topic", message.topic.encode()), ("aivis_reason", reason.encode()))
    name = identity.case_key(*key)
    return Burial(message.seq, reason), OutboxRow(0, id, topics.DEAD_LETTER, name, headers, message.value)


def _outbox(outgoing: Outgoing) -> OutboxRow:
    event = outgoing.event
    record = envelope.encode(event, outgoing.topic)
    return OutboxRow(0, event.id, record.topic, record.key.decode(), record.headers, record.value)


def _log(event: Event) -> LogRow:
    if event.sequence is None:
        raise ValueError(f"{event.type} {event.id}: an event of the log needs a sequence")
    return LogRow(event.sequence, event.id, envelope.headers_of(event), envelope.body(event.data))


def _timer(turn: Turn, timer: Timer, service: str) -> TimerRow:
    event = timer_event(turn.key, turn.version, timer, service=service, now=turn.now())
    after = None if timer.after is None else timer.after.total_seconds()
    return TimerRow(timer.name, after, event.id, envelope.headers_of(event), envelope.body(event.data))


def timer_event(key: Key, version: int, timer: Timer, *, service: str, now: datetime) -> Event:
    """The message that a timer becomes when it is due."""
    return Event(
        id=identity.derived("timer", *key, timer.name, version),
        type=TimerDue.TYPE,
        source=service,
        tenant=key.tenant,
        case=key.name,
        time=now,
        data=TimerDue(name=timer.name, note=timer.note),
    )
