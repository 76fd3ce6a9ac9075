"""What the API and the pages work with."""

from dataclasses import dataclass, field
from datetime import timedelta

from aivis.access import Keys
from aivis.mailbox.mailbox import Mailbox
from services.escalation.bookkeeping import Bookkeeper
from services.escalation.ports import FigureStore


@dataclass(frozen=True)
class Means:
    mailbox: Mailbox
    figures: FigureStore
    bookkeeper: Bookkeeper
    keys: Keys
    answer_seconds: float
    """How long a request waits for its command."""
    secret: bytes = field(repr=False)
    """Signs sessions and forms."""
    session: timedelta
