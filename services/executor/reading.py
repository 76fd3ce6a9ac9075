"""Calls of reads: they may be repeated, and each of them counts."""

from aivis.events.actions import FailureKind
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Step
from services.executor import settling
from services.executor.ledger import Entry


async def counted(turn: Turn, entry: Entry) -> Entry:
    """The entry with one more call, durably where an earlier one may have ended the process; failed after too many."""
    if turn.epoch == 1:
        return entry.called()
    if turn.version == 0 and not entry.calls:
        entry = entry.called()  # a turn that left nothing behind may have made it
    if entry.calls >= settling.MAX_TRIES:
        return entry.failed(FailureKind.UNAVAILABLE, f"no answer in {entry.calls} calls")
    entry = entry.called()
    await turn.commit(Step(state=entry.dump(), label=entry.state.value))
    return entry
