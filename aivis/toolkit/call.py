"""What a tool's function learns about the call it serves, and what it may ask of it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, cast

from pydantic import BaseModel

from aivis.errors import Unknown

S = TypeVar("S")
B = TypeVar("B", bound=BaseModel | None)


class Remembers(Protocol):
    """Keeps one note for a call's key, durably: the first one written stays."""

    def __call__(self, note: bytes | None) -> bytes | None:
        """The note kept; with None only asks for it."""
        ...


@dataclass(frozen=True)
class Call(Generic[S]):
    """One call of one tool. `system` is what the tool acts on, as this tenant sees it."""

    system: S
    tenant: str
    key: str
    """Idempotency key: the same for every attempt at one action. Empty for reads that came without one."""
    case_id: str
    deadline: float
    """The moment, on `clock`, after which nobody waits for the answer any more."""
    clock: Callable[[], float]
    remembers: Remembers
    cancelled: threading.Event = field(default_factory=threading.Event)
    has_acted: threading.Event = field(default_factory=threading.Event)

    def remaining(self) -> float:
        """Seconds left until the deadline, at least 0."""
        return max(0.0, self.deadline - self.clock())

    def acted(self) -> None:
        """Say that the effect has been caused: from here on no error can mean that nothing was done."""
        self.has_acted.set()

    def wait(self, seconds: float, *, for_what: str) -> None:
        """Sleep, but not beyond the deadline: then `Unknown` says that `for_what` was still awaited."""
        if self.cancelled.wait(min(seconds, self.remaining())) or self.remaining() <= 0:
            raise Unknown(f"time is up while waiting for {for_what}; call again with the same key to go on waiting")

    def before(self, kind: type[BaseModel], read: Callable[[], B]) -> B:
        """The state before the effect, a `kind` or None, as the first attempt with this key read it.

        Read it anew and a second attempt, after a crash, would find its own effect and take it for the state to
        put back. The first answer of `read` is kept durably before the effect; later attempts get that one.
        """
        kept = self.remembers(None)
        if kept is None:
            found = read()
            kept = self.remembers(b"null" if found is None else found.model_dump_json().encode())
        known = None if kept is None or kept == b"null" else kind.model_validate_json(kept)
        return cast(B, known)
