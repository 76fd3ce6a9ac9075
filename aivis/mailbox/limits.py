"""How much a mailbox takes on, how long it waits, how often it tries."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The mailbox's bounds."""

    in_flight: int = 500
    """Keys worked on at once in one process."""
    backlog: int = 5_000
    """Messages in the inbox at which the consumer pauses."""
    messages: int = 100
    """Messages of a key taken in one turn."""
    lease_seconds: float = 30
    poll_seconds: float = 0.5
    """How often to look for what others left: expired leases, deferred keys, due timers."""
    attempts: int = 5
    """Failures by a fault of ours before messages are buried."""
    backoff_seconds: float = 0.2
    """Before the first try anew; doubles up to half a minute."""
    transient_attempts: int = 40
    """Failures by something that may pass before messages are buried."""
    early_attempts: int = 1_000
    """Turns that an event is kept for the one it builds on; never fewer than `transient_attempts`."""
    drain_seconds: float = 10
    """How long turns under way may last when the service stops."""
    claim_seconds: float = 30
    """How long a publisher that is gone keeps others from its events."""
