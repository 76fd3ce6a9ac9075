"""INTENT: making durable that an effect is about to be called, unless something bars it."""

from dataclasses import dataclass

from aivis.errors import Conflict, Refused
from aivis.events.actions import FailureKind
from aivis.failpoints import around
from aivis.mailbox.turn import Frozen, Turn
from aivis.mailbox.values import Step, Window
from services.executor import answers
from services.executor.ledger import Entry
from services.executor.means import Bounds
from services.executor.stops import frozen, stops_for

_BUSY_SECONDS = 0.5
_FREEZE_AGAIN_SECONDS = 30
"""Between two looks whether a freeze was lifted before its end."""


@dataclass(frozen=True)
class Barred:
    """Why an effect does not begin."""

    message: str
    failure: FailureKind = FailureKind.FORBIDDEN
    seconds: float | None = None
    """After which to try again; None: it ends here."""


async def intend(turn: Turn, entry: Entry, bounds: Bounds) -> Entry | Barred:
    """The entry in INTENT, durably. The names it needs, stops and freezes are checked in the same transaction."""
    intended = entry.intended(turn.now())
    step = Step(
        state=intended.dump(),
        label=intended.state.value,
        take=intended.held,
        unless=stops_for(entry.request.tool) if entry.is_effect else (),
        timers=() if entry.approval is None else (answers.NO_APPROVAL_TIMER,),
    )
    try:
        with around("ledger.intent"):
            await turn.commit(step)
    except Conflict:
        return _busy(turn, entry, bounds)
    except Frozen as held:
        return _frozen(turn, entry, held.window, bounds)
    except Refused:
        return Barred(f"effects of {entry.request.tool} are stopped by the stop switch")
    return intended


def _busy(turn: Turn, entry: Entry, bounds: Bounds) -> Barred:
    if turn.now() - entry.since > bounds.busy:
        message = f"another effect on {entry.held[0]} is not settled yet; waited {bounds.busy}"
        return Barred(message, FailureKind.UNAVAILABLE)
    return Barred(f"another effect holds {entry.held[0]}", FailureKind.UNAVAILABLE, _BUSY_SECONDS)


def _frozen(turn: Turn, entry: Entry, window: Window, bounds: Bounds) -> Barred:
    """A freeze that ends within our patience is waited for.

    One that ends later fails the action at once: what it rests on would be stale by then, and the customer would wait
    in silence; an expert may ask for it anew. What is in doubt waits in any case: settling has its own bound.
    """
    message = frozen(entry.request.tool, window.ends, window.reason)
    if not entry.doubtful and window.ends - entry.since > bounds.freeze:
        return Barred(message)
    left = (window.ends - turn.now()).total_seconds()
    return Barred(message, seconds=min(max(left, _BUSY_SECONDS), _FREEZE_AGAIN_SECONDS))
