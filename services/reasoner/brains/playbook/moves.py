"""What goes into a decision and what comes out: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aivis.events.actions import Autonomy, Origin, Purpose
from aivis.events.cases import Hypothesis
from aivis.events.envelope import JsonObject
from aivis.events.escalations import EscalationReason
from aivis.events.replies import Citation


@dataclass(frozen=True)
class Observation:
    """A call that ended, in the order of ending."""

    tool: str
    arguments: JsonObject
    result: JsonObject | None
    """None when the call failed."""
    failure: str = ""
    purpose: Purpose = Purpose.CHECK
    module: str = ""
    """As the call had it."""
    action: str = ""
    """The action's id; an undo names it."""
    forbidden: bool = False
    """Refused by policy or a person, not by the tool."""
    undoes: str = ""
    """As the call had it."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """As the call had them."""
    lasting: bool = False
    """The tool's word that the same call fails again: there is no such thing, or the arguments cannot be."""


@dataclass(frozen=True)
class Call:
    """A tool to call."""

    tool: str
    arguments: JsonObject
    origins: dict[str, Origin]
    purpose: Purpose
    module: str = ""
    """The module it is made for; the most likely one of those that a check informs."""
    undoes: str = ""
    """Of an undo: the action whose effect is put back. With that action's own tool and arguments it means `Undo`
    of the tool server, with any other tool an ordinary call."""
    delay: float = 0
    """Seconds to wait before the call."""
    autonomy: Autonomy = Autonomy.AUTOPILOT
    """How far the executor may go with it alone."""


@dataclass(frozen=True)
class Calls:
    """Call these tools, side by side."""

    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Ask:
    """Only the customer can say what is missing."""

    missing: tuple[str, ...]
    """Names of inputs."""
    questions: tuple[str, ...]
    """In the same order."""


@dataclass(frozen=True)
class Solved:
    """The fault was mended, or the procedure carried out, and a fresh look confirms it."""

    module: str
    finding: str
    """For the customer."""


@dataclass(frozen=True)
class Finding:
    """Explained without a change: a fault the customer mends, or nothing wrong."""

    module: str
    """The fault's; empty when nothing is wrong."""
    finding: str
    """For the customer."""
    checked: tuple[str, ...]
    """What was looked at, for people."""
    citations: tuple[Citation, ...] = ()
    """What an answer rests on."""


@dataclass(frozen=True)
class GiveUp:
    """A person must go on."""

    why: EscalationReason
    reason: str
    known: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    proposed: tuple[str, ...] = ()
    module: str = ""
    """The likely fault, when there is one."""


Next = Calls | Ask | Solved | Finding | GiveUp


@dataclass(frozen=True)
class Move:
    """The next step of a subtask, why, and how likely each cause is now (most likely first)."""

    next: Next
    reason: str
    hypotheses: tuple[Hypothesis, ...] = field(default=())
