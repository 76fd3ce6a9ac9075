"""One attempt at an effect: what the journal must hold before and after it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from aivis.errors import AivisError, Invalid, NotFound, Refused, Transient, Unknown
from aivis.toolkit.declaration import Repeat, Tool
from aivis.toolkit.journal import Journal, Record, State, Use

S = TypeVar("S")
NOTHING_DONE = (Invalid, NotFound, Refused, Transient)
"""The errors that tell the caller that nothing was done."""


@dataclass(frozen=True)
class Attempt(Generic[S]):
    """One attempt. Its methods block on the disk."""

    tool: Tool[S]
    use: Use
    journal: Journal
    now: float
    """Start of this attempt, seconds since 1970."""
    has_acted: threading.Event = field(default_factory=threading.Event)

    def run(self, act: Callable[[], bytes], look: Callable[[], bytes | None]) -> bytes:
        """The effect's result: recorded, looked up, or of `act`, which is called at most once."""
        earlier = self.journal.begin(self.use)
        if earlier is not None and earlier.state is State.DONE:
            return earlier.result
        unended = earlier is not None and earlier.state is State.STARTED
        if earlier is not None and unended:
            found = self._settled(earlier, look)
            if found is not None:
                return self._recorded(found)
        try:
            result = act()
        except NOTHING_DONE as error:
            raise self._told(error, maybe=unended and self.tool.repeat is Repeat.DEDUPES) from error
        return self._recorded(result)

    def _settled(self, earlier: Record, look: Callable[[], bytes | None]) -> bytes | None:
        """The result of an attempt that never ended, or None when the effect may be tried again."""
        if self.tool.repeat is Repeat.DEDUPES:
            return None
        if self.tool.repeat is Repeat.NEITHER:
            raise Unknown(f"{self.tool.name}: an earlier attempt may have acted; look, then use a new key to act again")
        if self.now - earlier.started_at < self.tool.settling_time.total_seconds():
            raise Unknown(f"{self.tool.name}: an earlier attempt may have acted; look it up when it has settled")
        return look()

    def _told(self, error: AivisError, *, maybe: bool) -> AivisError:
        """The error to tell: that nothing was done only when neither this attempt nor one before it acted."""
        if maybe or self.has_acted.is_set():
            return Unknown(f"{self.tool.name}: this or an earlier attempt may have acted, and then: {error}")
        self.journal.nothing(self.use)
        return error

    def _recorded(self, result: bytes) -> bytes:
        try:
            self.journal.finish(self.use, result)
        except Transient as error:
            raise Unknown(f"{self.tool.name}: done, but not recorded: {error}") from error
        return result


def encoded(tool: Tool[S], kind: type, result: Any) -> bytes:
    """JSON of what the tool's function gave; `Unknown` when it is not a `kind`."""
    if not isinstance(result, kind):
        raise Unknown(
            f"{tool.name} gave {type(result).__name__} instead of {kind.__name__}: a fault of the tool; "
            f"tell {tool.owner}"
        )
    text: str = result.model_dump_json()  # type: ignore[attr-defined]
    return text.encode()
