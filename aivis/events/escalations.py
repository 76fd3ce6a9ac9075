"""Escalations: what the agent hands to people, and what people say."""

from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime, Field

from aivis.events.envelope import JsonObject, Payload, Value


class EscalationReason(StrEnum):
    OUT_OF_SCOPE = "out-of-scope"
    RESERVED = "reserved"
    """Only a person may decide."""
    NO_FAULT_FOUND = "no-fault-found"
    NOT_KNOWN = "not-known"
    """The knowledge does not answer the question."""
    REMEDY_FAILED = "remedy-failed"
    APPROVAL = "approval"
    UNSETTLED = "unsettled"
    """An effect may or may not have happened."""
    BUDGET = "budget"
    FAULT = "fault"
    """Something of ours keeps failing."""
    CUSTOMER = "customer"
    """The customer asks for a person."""


class Summary(Value):
    """What the agent knows, so that the expert need not start anew."""

    problem: str
    known: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    proposed: tuple[str, ...] = ()


class CaseEscalated(Payload):
    """The agent asks for a person; the case waits."""

    TYPE: ClassVar[str] = "aivis.case.escalated"

    escalation: str
    """Id of the escalation; a case can have several, one at a time."""
    reason: EscalationReason
    summary: Summary
    skill: str = "general"
    customer: str = ""
    language: str = "en"


class CaseOverdue(Payload):
    """The case waits for a person longer than it should. Said again, ever later, until somebody acts."""

    TYPE: ClassVar[str] = "aivis.case.overdue"

    about: str = ""
    """The escalation or the action that waits; empty when an expert has the case."""
    expert: str = ""
    """Who has the case."""
    since: AwareDatetime
    """Since when it waits."""
    times: int = Field(ge=1)
    """How often this was said of this wait."""


class GuidanceGiven(Payload):
    """An expert tells the agent how to go on; the agent finishes."""

    TYPE: ClassVar[str] = "aivis.guidance.given"

    expert: str
    text: str = Field(min_length=1, max_length=20_000)
    module: str = ""
    """The module to follow, when the expert names one."""
    inputs: JsonObject = {}
    """Values the expert gives by name, to use instead of the ticket's."""


class AnswerGiven(Payload):
    """An expert answers the customer in person."""

    TYPE: ClassVar[str] = "aivis.answer.given"

    expert: str
    text: str = Field(min_length=1, max_length=100_000)
    resolves: bool = True


class CaseTaken(Payload):
    """An expert asks to own the case. It is theirs when `OwnerChanged` says so."""

    TYPE: ClassVar[str] = "aivis.case.taken"

    expert: str


class CaseHandedBack(Payload):
    """The expert gives the case back to the agent."""

    TYPE: ClassVar[str] = "aivis.case.handed-back"

    expert: str
    note: str = ""


class FeedbackKind(StrEnum):
    GUIDANCE = "guidance"
    APPROVAL = "approval"
    DENIAL = "denial"
    ANSWER = "answer"
    TAKEOVER = "takeover"
    HAND_BACK = "hand-back"
    SETTLEMENT = "settlement"
    JUDGEMENT = "judgement"


class FeedbackGiven(Payload):
    """What an expert did, kept to learn from."""

    TYPE: ClassVar[str] = "aivis.feedback.given"

    kind: FeedbackKind
    expert: str
    about: str = ""
    """The escalation, action or decision it is about."""
    right: bool | None = None
    text: str = ""
