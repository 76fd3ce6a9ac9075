"""The mailbox's metrics, by service."""

from prometheus_client import Counter, Gauge, Histogram

RECEIVED = Counter("aivis_mailbox_received_total", "Messages by what the inbox made of them", ["service", "receipt"])
STEPS = Counter("aivis_mailbox_steps_total", "Steps by what became of them", ["service", "verdict"])
FAILURES = Counter("aivis_mailbox_failures_total", "Turns that raised, by error", ["service", "error"])
BURIED = Counter("aivis_mailbox_buried_total", "Messages given up on", ["service"])
UNTOLD = Counter("aivis_mailbox_untold_total", "Messages given up on of which nobody could be told", ["service"])
QUARANTINED = Counter("aivis_mailbox_quarantined_total", "Messages that could not be let in", ["service"])
RETRIED = Counter(
    "aivis_mailbox_retried_total", "Dead letters put back by an operator, by outcome", ["service", "outcome"]
)
DROPPED = Counter("aivis_mailbox_dropped_total", "Dead letters deleted by an operator", ["service", "kind"])
PUBLISHED = Counter("aivis_mailbox_published_total", "Events acknowledged by the broker", ["service"])
INBOX_DEPTH = Gauge("aivis_mailbox_inbox_depth", "Messages that wait or are worked on", ["service"])
INBOX_AGE = Gauge("aivis_mailbox_inbox_oldest_seconds", "Age of the oldest of them", ["service"])
OUTBOX_DEPTH = Gauge("aivis_mailbox_outbox_depth", "Events not yet acknowledged by the broker", ["service"])
IN_FLIGHT = Gauge("aivis_mailbox_keys_in_flight", "Keys worked on now", ["service"])
LETTERS = Gauge("aivis_mailbox_dead_letters", "Messages that are buried or in quarantine now", ["service", "kind"])
TURN_SECONDS = Histogram("aivis_mailbox_turn_seconds", "From lease to commit", ["service"])
