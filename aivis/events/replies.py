"""The public outcome contract: what upstream systems hear of a case, on `aivis.replies`."""

from enum import StrEnum
from typing import ClassVar

from aivis.events.envelope import Payload, Value


class Status(StrEnum):
    OPEN = "open"
    WORKING = "working"
    WAITING_FOR_CUSTOMER = "waiting-for-customer"
    WAITING_FOR_EXPERT = "waiting-for-expert"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Outcome(StrEnum):
    FIXED = "fixed"
    """A fault was mended and the mending verified, or an operation carried out."""
    ANSWERED = "answered"
    """A sourced answer, or a finding that needs no mending."""
    EXPERT = "expert"
    """A person ended the case."""
    WITHDRAWN = "withdrawn"
    UNANSWERED = "unanswered"
    """The customer was asked, reminded, and did not answer. A message of theirs opens the case again."""


class Citation(Value):
    """A passage that an answer rests on."""

    passage: str
    title: str
    section: str = ""
    source: str


class ReplyKind(StrEnum):
    ANSWER = "answer"
    QUESTION = "question"
    """The agent needs something only the customer knows."""
    PROGRESS = "progress"


class ReplySent(Payload):
    """Words for the customer."""

    TYPE: ClassVar[str] = "aivis.reply.sent"

    kind: ReplyKind
    text: str
    author: str = "agent"
    """`agent`, or the expert's name."""
    language: str = "en"
    citations: tuple[Citation, ...] = ()


class NotePosted(Payload):
    """Words for the support desk, not for the customer."""

    TYPE: ClassVar[str] = "aivis.note.posted"

    text: str
    author: str = "agent"


class StatusChanged(Payload):
    TYPE: ClassVar[str] = "aivis.status.changed"

    status: Status


class OwnerChanged(Payload):
    """Who answers for the case now: `agent`, or an expert's name."""

    TYPE: ClassVar[str] = "aivis.owner.changed"

    owner: str


class OutcomeReached(Payload):
    """The case ended. A reopened ticket takes it back."""

    TYPE: ClassVar[str] = "aivis.outcome.reached"

    outcome: Outcome
    summary: str
    independent: bool
    """True when no person took part."""
