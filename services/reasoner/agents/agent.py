"""What an agent is: a prompt, a toolset and a control policy. Adding one is one folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aivis.events.actions import Origin
from aivis.events.plans import AgentName, Subtask
from aivis.modules.library import Library
from services.reasoner.brains.playbook.moves import Move, Observation


@dataclass(frozen=True)
class Problem:
    """What an agent works on: one subtask, and what was seen so far."""

    subtask: Subtask
    observations: tuple[Observation, ...]
    library: Library
    question: str
    """The customer's own words."""
    language: str
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Of inputs that do not come from the ticket: what an expert said."""
    guidance: tuple[str, ...] = ()
    """What experts said, oldest first: trusted, unlike the question."""
    tenant: str = ""


Policy = Callable[[Problem], Move]
"""Decides without a model. Pure: the same problem gives the same move."""


@dataclass(frozen=True)
class Agent:
    name: AgentName
    prompt: str
    """What a model is told of its part."""
    tools: tuple[str, ...]
    """Prefixes of the names of the tools it may use."""
    policy: Policy
