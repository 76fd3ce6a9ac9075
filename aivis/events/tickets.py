"""Tickets: what upstream systems hand in, and what the gateway makes of it."""

from typing import ClassVar

from pydantic import AwareDatetime, Field

from aivis.events.envelope import Payload, Value


class Artifact(Value):
    """A reference into the artifact store."""

    digest: str
    """SHA-256 of the content, hexadecimal."""
    size: int
    """Bytes."""
    media_type: str
    name: str = ""


class TicketSubmitted(Payload):
    """An upstream system's ticket, as it comes in on `aivis.intake.SOURCE` or by HTTP."""

    TYPE: ClassVar[str] = "aivis.intake.ticket"

    ticket: str = Field(min_length=1, max_length=200)
    """The ticket's id in its own system."""
    customer: str = Field(min_length=1, max_length=200)
    subject: str = Field(default="", max_length=1_000)
    text: str = Field(min_length=1, max_length=100_000)
    attributes: dict[str, str] = Field(default_factory=dict, max_length=50)
    attachments: tuple[Artifact, ...] = ()


class MessageSubmitted(Payload):
    """A further message to a ticket, as it comes in."""

    TYPE: ClassVar[str] = "aivis.intake.message"

    ticket: str = Field(min_length=1, max_length=200)
    text: str = Field(min_length=1, max_length=100_000)
    author: str = Field(default="customer", max_length=200)


class StateSubmitted(Payload):
    """The ticket was closed, reopened or withdrawn in its own system."""

    TYPE: ClassVar[str] = "aivis.intake.state"

    ticket: str = Field(min_length=1, max_length=200)
    state: str = Field(pattern="^(closed|reopened|withdrawn)$")
    reason: str = Field(default="", max_length=10_000)


class TicketOpened(Payload):
    """A ticket came in; its case starts with it."""

    TYPE: ClassVar[str] = "aivis.ticket.opened"

    ticket: str
    source: str
    customer: str
    subject: str = ""
    text: str
    attributes: dict[str, str] = {}
    attachments: tuple[Artifact, ...] = ()
    opened_at: AwareDatetime


class TicketMessageAdded(Payload):
    """The customer wrote again."""

    TYPE: ClassVar[str] = "aivis.ticket.message-added"

    text: str
    author: str = "customer"


class TicketEdited(Payload):
    """The ticket's own text changed."""

    TYPE: ClassVar[str] = "aivis.ticket.edited"

    subject: str = ""
    text: str


class TicketClosed(Payload):
    """The upstream system closed the ticket."""

    TYPE: ClassVar[str] = "aivis.ticket.closed"

    reason: str = ""


class TicketReopened(Payload):
    """The customer is not content: what was resolved is open again."""

    TYPE: ClassVar[str] = "aivis.ticket.reopened"

    text: str = ""


class TicketMerged(Payload):
    """The ticket became part of another."""

    TYPE: ClassVar[str] = "aivis.ticket.merged"

    into: str
    """The other ticket's case."""


class TicketWithdrawn(Payload):
    """The customer takes the ticket back: nothing more is to be done."""

    TYPE: ClassVar[str] = "aivis.ticket.withdrawn"

    reason: str = ""
