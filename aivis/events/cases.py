"""The case's own log: the reasoner's decisions, beside the inputs they rest on."""

from enum import StrEnum
from typing import ClassVar

from aivis.events.actions import ActionRequested
from aivis.events.envelope import JsonObject, Payload, Value
from aivis.events.escalations import EscalationReason
from aivis.events.replies import Citation
from aivis.events.tickets import Artifact


class DecisionKind(StrEnum):
    CALL_TOOLS = "call-tools"
    REPLY = "reply"
    ASK = "ask"
    REQUEST_PLAN = "request-plan"
    ESCALATE = "escalate"
    RESOLVE = "resolve"
    WAIT = "wait"


class Hypothesis(Value):
    """How likely a fault is, in the light of the results so far."""

    name: str
    probability: float
    says: str = ""


class DecisionMade(Payload):
    """What the agent does next, and why."""

    TYPE: ClassVar[str] = "aivis.decision.made"

    kind: DecisionKind
    brain: str
    """`playbook`, or the model's name."""
    reason: str
    subtask: str = ""
    hypotheses: tuple[Hypothesis, ...] = ()
    actions: tuple[ActionRequested, ...] = ()
    """The calls decided on; what else a decision brings forth follows it in the log: ReplySent, PlanRequested, ..."""


class SubtaskEnded(Payload):
    """A subtask reached its end."""

    TYPE: ClassVar[str] = "aivis.subtask.ended"

    subtask: str
    solved: bool
    fault: str = ""
    """The module that explained it."""
    finding: str
    """For people: what was wrong and what was done."""
    reason: EscalationReason | None = None
    """Why a person must go on, when it is not solved."""
    known: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    proposed: tuple[str, ...] = ()
    citations: tuple[Citation, ...] = ()


class ModelResponded(Payload):
    """A model's raw output, recorded before anything acts on it."""

    TYPE: ClassVar[str] = "aivis.model.responded"

    model: str
    subtask: str
    output: JsonObject | None = None
    output_artifact: Artifact | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0


class LimitReached(Payload):
    """A guard stopped the agent: a budget, or a loop without new information."""

    TYPE: ClassVar[str] = "aivis.limit.reached"

    guard: str
    detail: str
