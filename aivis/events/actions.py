"""Actions: what the reasoner wants done, and what came of it."""

from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime, Field

from aivis.events.envelope import JsonObject, Payload
from aivis.events.tickets import Artifact


class Purpose(StrEnum):
    CHECK = "check"
    REMEDY = "remedy"
    VERIFY = "verify"
    UNDO = "undo"
    SEARCH = "search"


class Origin(StrEnum):
    """Where an argument's value comes from, most trusted first."""

    MODULE = "module"
    EXPERT = "expert"
    RESULT = "result"
    """A tool's result."""
    TICKET = "ticket"
    """A value the planner read in the ticket, of a declared kind: an instance id, a port."""
    TEXT = "text"
    """Free text, or a model."""


class Autonomy(StrEnum):
    """How far the agent may go alone, least first."""

    SHADOW = "shadow"
    """Propose, do nothing."""
    COPILOT = "copilot"
    """Every effect needs an expert's word."""
    AUTOPILOT = "autopilot"
    """What policy allows."""


class ActionRequested(Payload):
    """The reasoner asks the executor to call a tool."""

    TYPE: ClassVar[str] = "aivis.action.requested"

    action: str
    """The action's id: also the idempotency key of its effect."""
    subtask: str
    agent: str
    tool: str
    arguments: JsonObject
    origins: dict[str, Origin] = {}
    """Origin of each argument; one that is not named counts as `text`."""
    purpose: Purpose
    customer: str
    module: str = ""
    undoes: str = ""
    """For an undo: the action whose effect is reversed."""
    autonomy: Autonomy = Autonomy.AUTOPILOT
    """What the ticket's class allows; the executor takes the stricter of this and its own setting."""
    delay: float = Field(default=0, ge=0, le=600)
    """Seconds to wait before the call."""


class ActionFinished(Payload):
    """The tool answered."""

    TYPE: ClassVar[str] = "aivis.action.finished"

    action: str
    tool: str
    result: JsonObject | None = None
    result_artifact: Artifact | None = None
    """Instead of `result`, when it is large."""
    seconds: float
    note: str = ""
    """What is odd: the effect happened, and its result is missing or not as declared."""
    calls: int = 1
    """How often the tool was called for it."""


class FailureKind(StrEnum):
    INVALID = "invalid"
    """The arguments, or the result, do not satisfy the tool's schema."""
    NOT_FOUND = "not-found"
    REFUSED = "refused"
    """By the tool: the system's state does not allow it."""
    FORBIDDEN = "forbidden"
    """By policy, the stop switch, or a person."""
    UNAVAILABLE = "unavailable"
    """Retried to the bound; nothing was done."""


class ActionFailed(Payload):
    """The action ended without an effect."""

    TYPE: ClassVar[str] = "aivis.action.failed"

    action: str
    tool: str
    kind: FailureKind
    message: str
    seconds: float = 0
    calls: int = 1
    """How often the tool was called for it."""


class ActionUnsettled(Payload):
    """Whether the effect happened is not known and cannot be found out by machine: a person decides."""

    TYPE: ClassVar[str] = "aivis.action.unsettled"

    action: str
    tool: str
    arguments: JsonObject
    message: str


class ApprovalRequested(Payload):
    """Policy lets this action run only with an expert's word. Published by the executor alone."""

    TYPE: ClassVar[str] = "aivis.approval.requested"

    action: str
    tool: str
    arguments: JsonObject
    digest: str
    """SHA-256 of the complete parameters: tool, arguments, tenant and case."""
    risk: str
    reason: str
    expires_at: AwareDatetime


class ApprovalGranted(Payload):
    """An expert allows exactly these parameters, once. Published by escalation alone."""

    TYPE: ClassVar[str] = "aivis.approval.granted"

    action: str
    digest: str
    expert: str
    expires_at: AwareDatetime


class ApprovalDenied(Payload):
    """An expert refuses. Published by escalation alone."""

    TYPE: ClassVar[str] = "aivis.approval.denied"

    action: str
    digest: str
    expert: str
    reason: str = ""


class Settlement(Payload):
    """An expert says what became of an unsettled effect. Published by escalation alone."""

    TYPE: ClassVar[str] = "aivis.action.settled"

    action: str
    expert: str
    happened: bool
    note: str = Field(default="", max_length=10_000)
