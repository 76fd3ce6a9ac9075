"""How much a mailbox takes on, how long it waits, how often it tries.

Times of retries are kept with the key, by the database's clock: a restart does not begin anew.
"""

from dataclasses import dataclass

from aivis.places import SHARE


@dataclass(frozen=True)
class Limits:
    """The mailbox's bounds."""

    in_flight: int = 700
    """Keys worked on at once in one process."""
    tenant_share: float = SHARE
    """Of them, for a tenant that is alone; see `aivis.places`. Where tenants wait, they take turns."""
    backlog: int = 5_000
    """Messages in the inbox at which the consumer pauses."""
    messages: int = 100
    """Messages of a key taken in one turn."""
    lease_seconds: float = 30
    poll_seconds: float = 0.5
    """How often to look for what others left: expired leases, deferred keys, due timers."""
    attempts: int = 5
    """Failures by a fault of ours before messages are buried. What may pass is tried as often at least."""
    backoff_seconds: float = 0.2
    """Before the first try anew; doubles up to half a minute."""
    transient_seconds: float = 900
    """How long what may pass is tried, from its first failure on, before messages are buried."""
    early_seconds: float = 600
    """How long an event is kept for the one it builds on."""
    drain_seconds: float = 10
    """How long turns under way may last when the service stops."""
    claim_seconds: float = 30
    """How long a publisher that is gone keeps others from its events."""
