"""The form of a module. Every string in `with`, and every condition, is CEL (see expressions.py)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from aivis.toolkit.declaration import Risk

Cel = Annotated[str, Field(min_length=1, max_length=4000)]
_TOOL = r"^[a-z0-9_-]+(\.[a-z0-9_-]+)+$"
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
"""For people; a part in braces is CEL: "Port {ticket.port} is closed."."""
Arguments = dict[str, Any]
"""A tool's arguments by name: a string is CEL, any other scalar is itself, lists and maps hold more of both."""


class Form(BaseModel):
    """A part of a module. A field it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Use(Form):
    """One use of a tool."""

    tool: str = Field(pattern=_TOOL)
    with_: Arguments = Field(default={}, alias="with")


class Check(Use):
    """A look at the world, and what it says about the module."""

    when: Cel = "true"
    """Over `ticket`, `found`: whether the check can be made."""
    cost: float = Field(default=1, gt=0, le=1000)
    """In units of the cheapest look; money, time and load together."""
    when_present: Cel
    """Over `result`, `ticket`, `found`: true when the result speaks for the module."""
    sure: float = Field(default=0.95, gt=0.5, lt=1)
    """How often the condition is true when the module holds."""
    false_alarm: float | None = Field(default=None, gt=0, lt=1)
    """How often it is true although the module does not hold; 1 - sure unless it is given."""
    finds: dict[Name, Cel] = {}
    """Values taken from the result, for later checks and for remedies: `found.NAME`."""

    @property
    def alarm(self) -> float:
        return 1 - self.sure if self.false_alarm is None else self.false_alarm

    @property
    def strength(self) -> float:
        """How much a true condition raises the odds of the module."""
        return self.sure / self.alarm

    @model_validator(mode="after")
    def _speaks(self) -> "Check":
        if self.alarm >= self.sure:
            raise ValueError("false_alarm must be under sure, or the check says nothing")
        return self


class Verify(Use):
    """A fresh look that tells whether the remedy or the procedure did what it should."""

    when: Cel = "true"
    """Over `ticket`, `found`: whether this look can be made at all."""
    expect: Cel
    """Over `result`, `ticket`, `found`."""
    tries: int = Field(default=1, ge=1, le=20)
    wait: float = Field(default=0, ge=0, le=600)
    """Seconds before each further try."""


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


Verifies = Annotated[tuple[Verify, ...], BeforeValidator(_listed)]
"""One look, or several of which all must hold."""


class Undo(Use):
    """How an effect is put back; its `with` and `when` also see `result`, what the effect's tool answered."""

    when: Cel = "true"
    """Over `result`, `ticket`, `found`: false where the effect changed nothing."""


class Remedy(Form):
    """A way to mend a fault: one tool, or a procedure."""

    tool: str = Field(default="", pattern=rf"{_TOOL}|^$")
    procedure: str = ""
    """Instead of a tool: a procedure of the same folder; `with` gives its inputs."""
    with_: Arguments = Field(default={}, alias="with")
    when: Cel = "true"
    """Over `ticket`, `found`: whether the remedy applies."""
    risk: Risk
    succeeds: float = Field(gt=0, le=1)
    """How often it mends the fault, when the fault is there."""
    cost: float = Field(default=1, gt=0, le=1000)
    verify: Verifies = ()
    undo: Undo | Literal[True] | None = None
    """A tool that puts back what the remedy changed, or `true` where the remedy's own tool can undo itself."""
    keep: bool = False
    """Left in place when the fault is gone but the symptom is not: a second fault hides behind the first."""

    @model_validator(mode="after")
    def _one_means(self) -> "Remedy":
        if bool(self.tool) == bool(self.procedure):
            raise ValueError("give either tool or procedure")
        return self


class Example(Form):
    """A test of the module that the linter runs."""

    given: "Given"
    then: "Then"


class Given(Form):
    ticket: dict[str, Any] = {}
    results: dict[str, dict[str, Any]] = {}
    """A tool's result, by the tool's name."""


class Then(Form):
    probability: str = Field(default="", pattern=r"^((<|>|<=|>=)\s*(0(\.\d+)?|1(\.0+)?))?$")
    """Of the module, against nothing wrong and an unknown cause."""
    next: str = ""
    """The tool or procedure it would use next, or `finding`, `escalate`, `nothing`."""
    with_: dict[str, Any] = Field(default={}, alias="with")
    """Arguments of that tool, as values: those named must be equal."""
    steps: list[str] | None = None
    """Of a procedure: the tools it uses, in order."""
    fails: str = ""
    """Of a procedure: the tool whose `expect` does not hold."""


class Module(Form):
    """What all kinds share."""

    says: Text
    serves: tuple[str, ...] = ()
    """Intents of a plan's subtask."""
    explains: tuple[str, ...] = ()
    """Symptoms that the planner may have read in the ticket."""
    needs: tuple[Name, ...] = ()
    """Inputs it cannot do without; the folder's inputs.yaml says how each is had."""
    said: tuple[Name, ...] = ()
    """Those of `needs` that only the ticket or an expert may give: never looked up, never a default."""
    applies: Cel = "true"
    """Over `ticket`: whether the module is worth a thought."""
    examples: tuple[Example, ...] = ()


class Fault(Module):
    """Something that can be wrong: how likely it is, how it shows, how it is mended."""

    fault: Name
    prior: float = Field(gt=0, lt=1)
    """Share of the tickets with these symptoms that it explains."""
    checks: tuple[Check, ...] = Field(min_length=1)
    remedies: tuple[Remedy, ...] = ()
    finding: Text | None = None
    """For the customer: what was wrong, and what was done or what they can do."""
    escalate: Text | None = None
    """For the expert: why a person must decide, and what is proposed."""

    @property
    def name(self) -> str:
        return self.fault

    @model_validator(mode="after")
    def _ends(self) -> "Fault":
        if not (self.remedies or self.finding or self.escalate):
            raise ValueError("give remedies, a finding for the customer, or escalate")
        return self


class Healthy(Module):
    """How to see that nothing is wrong: the symptom is not there."""

    healthy: Name
    prior: float = Field(default=0.05, gt=0, lt=1)
    checks: tuple[Check, ...] = Field(min_length=1)
    finding: Text

    @property
    def name(self) -> str:
        return self.healthy


class Step(Use):
    """One step of a procedure."""

    says: str = ""
    when: Cel = "true"
    """Over `ticket`, `found`: the step is left out when false."""
    finds: dict[Name, Cel] = {}
    expect: Cel = "true"
    """Over `result`, `ticket`, `found`: what must hold after the step, or the procedure fails."""
    otherwise: Text | None = None
    """For people: what it means when `expect` does not hold."""
    tries: int = Field(default=1, ge=1, le=60)
    """Of a step that only reads: how often to look until `expect` holds."""
    wait: float = Field(default=0, ge=0, le=600)
    undo: Undo | bool | None = None
    """As a remedy's; `false` says that there is nothing to put back."""


class Procedure(Module):
    """A business process: steps in order, undone in reverse when one fails."""

    procedure: Name
    steps: tuple[Step, ...] = Field(min_length=1)
    verify: Verifies = ()
    finding: Text
    """For the customer: what was done."""
    approvals: str = ""
    """For people: which of its steps policy lets run only with an expert's word."""

    @property
    def name(self) -> str:
        return self.procedure


class Lookup(Use):
    """A way to learn an input with a tool instead of asking."""

    when: Cel = "true"
    """Over `ticket`: whether to look."""
    settled: Cel = "true"
    """Over `result`, `ticket`: whether the result settles it."""
    value: Cel


class Input(Form):
    """A value that modules need, and how it is had when the ticket does not say it."""

    says: Text
    ask: Text | None = None
    """The question to the customer; without one the customer is not asked."""
    lookup: tuple[Lookup, ...] = ()
    default: Any = None
    """A string is CEL over `ticket`, anything else is itself."""


class Inputs(Form):
    """The file inputs.yaml."""

    inputs: dict[Name, Input]


Suspect = Fault | Healthy
"""A module that checks speak for or against."""
AnyModule = Fault | Healthy | Procedure
KINDS: dict[str, type[Fault] | type[Healthy] | type[Procedure] | type[Inputs]] = {
    "fault": Fault,
    "healthy": Healthy,
    "procedure": Procedure,
    "inputs": Inputs,
}
"""By the key that a file of the kind has."""
