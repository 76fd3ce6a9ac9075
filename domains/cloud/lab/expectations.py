"""How a ticket is expected to end."""

from enum import StrEnum


class Expectation(StrEnum):
    FIXED = "fixed"
    """The cloud was changed, and the customer's trouble is gone, or the wish is met."""
    ANSWERED = "answered"
    """A question, answered from knowledge; nothing is changed."""
    FINDING = "finding"
    """The customer is told what was found; there is nothing to change."""
    ESCALATED = "escalated"
    """A person takes over."""
    APPROVAL = "approval"
    """Nothing happens before a person approves; after that, exactly what was approved."""
    ASKED = "asked"
    """The customer is asked first, and after the follow-up the trouble is fixed."""
