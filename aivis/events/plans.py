"""Plans: what the planner reads in a ticket, and the subtasks it makes of it."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from aivis.events.envelope import JsonObject, Payload, Value


class Complexity(StrEnum):
    SIMPLE = "simple"
    """One subtask."""
    COMPOUND = "compound"
    """Several subtasks."""
    COMPLEX = "complex"
    """More than the agent may take on alone."""


class Frequency(StrEnum):
    COMMON = "common"
    OCCASIONAL = "occasional"
    RARE = "rare"


class Scenario(StrEnum):
    DIAGNOSTIC = "diagnostic"
    OPERATIONAL = "operational"
    CONSULTATIVE = "consultative"


class AgentName(StrEnum):
    KNOWLEDGE = "knowledge"
    DIAGNOSTIC = "diagnostic"
    OPERATIONS = "operations"
    CODE = "code"


class Route(StrEnum):
    AGENT = "agent"
    """The agent goes on alone."""
    CUSTOMER = "customer"
    """Something only the customer knows is missing: ask."""
    EXPERT = "expert"
    """Out of scope, or reserved for people."""


class Classification(Value):
    """A ticket in three dimensions."""

    complexity: Complexity
    frequency: Frequency
    scenario: Scenario
    confidence: float = Field(ge=0, le=1)


class Subtask(Value):
    """A part of a plan that one agent works on."""

    id: str
    """Unique within its plan and stable across replans of the same problem: "s1", "s2", ..."""
    goal: str
    agent: AgentName
    intent: str
    inputs: JsonObject = {}
    """What the ticket says, by name: instance_id, port, source, ..."""
    symptoms: tuple[str, ...] = ()
    """Symptoms read in the text, in the words of the modules' `explains`."""
    modules: tuple[str, ...] = ()
    """Candidate modules, most likely first; empty means all that explain the symptoms."""
    after: tuple[str, ...] = ()
    """Subtasks that must end before this one starts."""


class Plan(Value):
    classification: Classification
    route: Route
    reason: str
    """Why this route, for people."""
    subtasks: tuple[Subtask, ...] = ()
    missing: tuple[str, ...] = ()
    """Inputs only the customer can give, by name."""
    language: str = "en"
    """BCP 47 tag of the customer's language."""
    version: str = ""
    """Of the planner's data: routing, examples, modules."""
    failed: bool = False
    """By a fault of ours none could be made: the plan only says that people plan."""


class PlanRequested(Payload):
    """The reasoner asks for a plan."""

    TYPE: ClassVar[str] = "aivis.plan.requested"

    request: str
    """Id of the request; the plan repeats it."""
    subject: str = ""
    text: str
    """The ticket's text with later messages, oldest first."""
    attributes: dict[str, str] = {}
    customer: str
    facts: JsonObject = {}
    """What was found so far, by name."""
    guidance: tuple[str, ...] = ()
    """What experts said, oldest first: trusted, unlike the text."""
    current: Plan | None = None


class PlanMade(Payload):
    """The planner's answer."""

    TYPE: ClassVar[str] = "aivis.plan.made"

    request: str
    plan: Plan
