"""What a platform team writes for the planner: routing.yaml, concepts.yaml and examples/*.jsonl of its domain."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from aivis import plain_yaml
from aivis.errors import Invalid
from aivis.events.plans import AgentName, Route, Scenario
from aivis.events.registry import fault

ROUTING, CONCEPTS, EXAMPLES = "routing.yaml", "concepts.yaml", "examples"


class Form(BaseModel):
    """A part of a file. A field it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Kind(StrEnum):
    """What a value is, and so how it is written: `port` 443, `source` 203.0.113.7/32."""

    TEXT = "text"
    ID = "id"
    """Text without regard to case."""
    INTEGER = "integer"
    ADDRESS = "address"
    """IPv4."""
    NETWORK = "network"
    """IPv4 network; an address alone is a /32."""
    GIBIBYTES = "gibibytes"
    """A number with a unit: `2 TB` is 2048."""


class Pattern(Form):
    """A regular expression with a group for each value it reads.

    A group named `value` is the entity's own input, `values` a list of them; any other name is an input of that name.
    """

    match: str
    gives: dict[str, str] = {}
    """Inputs that the match itself says, whatever its words."""
    choose: bool = True
    """False: the match is only set aside, so that later patterns do not read it."""


class Entity(Form):
    """A thing that tickets name. Entities are read in their order; what one has read, the next does not see."""

    name: str
    kind: Kind = Kind.TEXT
    patterns: tuple[Pattern, ...] = ()
    words: dict[str, str | int] = {}
    """Regular expression to value, read where the patterns found none in the same sentence."""
    bare: str = ""
    """How the value may look in an answer to our question for it."""
    mask: str = ""
    """The words that stand for it when the text is classified; empty leaves the text as it is."""
    resource: bool = False
    """Names a thing of the customer's: problems of different ones are different subtasks."""
    minimum: int | None = None
    maximum: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_patterns(cls, given: Any) -> Any:
        if isinstance(given, dict):
            patterns = [{"match": each} if isinstance(each, str) else each for each in given.get("patterns", ())]
            return {**given, "patterns": patterns}
        return given


class Intent(Form):
    """What a ticket may want, and what is done about it."""

    says: str
    goal: str
    """Of the subtask, for people; `{port|the port}` is an input's value, or the words behind the bar."""
    scenario: Scenario
    route: Route = Route.AGENT
    agent: AgentName | None = None
    required: tuple[str, ...] = ()
    """Inputs without which the customer is asked; `a|b` is satisfied by either."""
    optional: dict[str, Any] = {}
    """Further inputs, with their default; null for none."""
    reads: dict[str, tuple[str, ...]] = {}
    """Inputs that, when not named as such, are read from these others."""
    each: tuple[str, ...] = ()
    """Inputs of which several values make several subtasks."""
    covers: tuple[str, ...] = ()
    """Intents that, about the same thing, are part of this one: a symptom told beside the wish."""
    after: tuple[str, ...] = ()
    """Intents that go first when they are about the same thing."""
    symptoms: tuple[str, ...] = ()
    """Taken when the text shows none."""
    question: str = ""
    """Name of the input that carries the customer's own words."""
    verbs: tuple[str, ...] = ()
    """Concepts that name the doing: "do not restart" is no wish to restart."""
    count: int = Field(ge=0)
    """How many past tickets had it."""

    @model_validator(mode="after")
    def _somebody(self) -> "Intent":
        if self.route is Route.AGENT and self.agent is None:
            raise ValueError("agent: say who works on it, or give route: expert")
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every input it takes, by name."""
        named = [name for each in self.required for name in each.split("|")]
        return tuple(dict.fromkeys([*named, *self.optional]))


class Symptom(Form):
    """How a symptom shows in a text: all concepts of one of the lists are in a sentence."""

    shown_by: tuple[tuple[str, ...], ...]
    unless: tuple[str, ...] = ()
    """Concepts beside which it is not meant."""
    intents: tuple[str, ...]


class Thresholds(Form):
    """Shares between 0 and 1."""

    confidence: float = Field(gt=0, lt=1)
    """Below it a plan goes to an expert."""
    clause: float = Field(gt=0, lt=1)
    """How sure the parts of a sentence must be for it to be split."""
    common: float = Field(gt=0, lt=1)
    """Share of the past tickets from which an intent is common."""
    occasional: float = Field(gt=0, lt=1)


def filled(pattern: str, parts: Mapping[str, str]) -> str:
    """`pattern` with every `{name}` of `parts` put in."""
    for name, part in parts.items():
        pattern = pattern.replace("{" + name + "}", part)
    return pattern


class Routing(Form):
    """The file routing.yaml."""

    thresholds: Thresholds
    languages: tuple[str, ...] = ("en",)
    """BCP 47 tags of the languages that the examples are in; a ticket in another one goes to an expert."""
    max_subtasks: int = Field(ge=1, le=100)
    """More at once is more than the agent may take on alone."""
    background: str = "background"
    """Label of examples that want nothing: greetings, circumstances."""
    unknown: str
    """The intent of what is not for this desk."""
    fragments: dict[str, str] = {}
    """Parts of patterns, used as `{name}`; one may use those before it."""
    entities: tuple[Entity, ...] = ()
    intents: dict[str, Intent]
    symptoms: dict[str, Symptom] = {}

    @model_validator(mode="after")
    def _whole_patterns(self) -> "Routing":
        parts = self.parts()
        for place, entity in enumerate(self.entities):
            patterns = [*(pattern.match for pattern in entity.patterns), *entity.words, entity.bare]
            for number, pattern in enumerate(patterns):
                try:
                    re.compile(filled(pattern, parts))
                except re.error as error:
                    raise ValueError(
                        f"entities.{place}.patterns.{number}: {entity.name}: {error}: {pattern}"
                    ) from error
        return self

    def parts(self) -> dict[str, str]:
        """The fragments, each with those before it put in."""
        found: dict[str, str] = {}
        for name, pattern in self.fragments.items():
            found[name] = f"(?:{filled(pattern, found)})"
        return found

    @model_validator(mode="after")
    def _known_names(self) -> "Routing":
        for name, intent in self.intents.items():
            for other in (*intent.covers, *intent.after):
                if other not in self.intents:
                    raise ValueError(f"intents.{name}: {other!r} is no intent here")
            for symptom in intent.symptoms:
                if symptom not in self.symptoms:
                    raise ValueError(f"intents.{name}.symptoms: {symptom!r} is no symptom here")
        if self.unknown not in self.intents:
            raise ValueError(f"unknown: {self.unknown!r} is no intent here")
        return self


@dataclass(frozen=True)
class Example:
    text: str
    intent: str


@dataclass(frozen=True)
class Domain:
    """All that the planner knows of a domain."""

    routing: Routing
    concepts: Mapping[str, tuple[str, ...]]
    examples: tuple[Example, ...]
    modules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Modules that an expert may tell the agent to follow, with the intents that each serves."""
    version: str = ""
    """Digest of the files."""

    def intent(self, name: str) -> Intent:
        return self.routing.intents[name]

    @property
    def resources(self) -> frozenset[str]:
        return frozenset(entity.name for entity in self.routing.entities if entity.resource)


def read_domain(folder: Path, *, modules: Mapping[str, tuple[str, ...]] | None = None) -> Domain:
    """The domain in `folder`; `Invalid` names file and field of what is wrong."""
    paths = [folder / ROUTING, folder / CONCEPTS, *sorted((folder / EXAMPLES).glob("*.jsonl"))]
    contents = {path: _bytes(path) for path in paths}
    routing = _routing(paths[0], contents[paths[0]])
    examples = tuple(example for path in paths[2:] for example in _examples(path, contents[path], routing))
    missing = sorted({routing.background, *routing.intents} - {example.intent for example in examples})
    if missing:
        raise Invalid(f"{folder / EXAMPLES}: no examples of {', '.join(missing)}: write some, 15 or more of each")
    digest = hashlib.sha256(b"\0".join(contents[path] for path in paths)).hexdigest()
    return Domain(routing, _concepts(paths[1], contents[paths[1]]), examples, modules or {}, digest[:12])


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path}: cannot be read: {error.strerror}: a domain has this file") from error


def _yaml(path: Path, content: bytes) -> object:
    try:
        return plain_yaml.load(content)
    except yaml.YAMLError as error:
        raise Invalid(f"{path}: not YAML: {error}") from error


def _routing(path: Path, content: bytes) -> Routing:
    return _form(Routing, _yaml(path, content), where=str(path))


def _concepts(path: Path, content: bytes) -> dict[str, tuple[str, ...]]:
    document = _yaml(path, content)
    if not isinstance(document, dict):
        raise Invalid(f"{path}: must be a map from a concept's name to its words")
    for name, words in document.items():
        if not isinstance(words, list) or not words or not all(str(word).strip() for word in words):
            raise Invalid(f"{path}: {name}: must be a list of words")
    return {str(name): tuple(str(word) for word in words) for name, words in document.items()}


def _examples(path: Path, content: bytes, routing: Routing) -> list[Example]:
    found = []
    for number, line in enumerate(content.decode(errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise Invalid(f"{where}: not JSON: {error}") from error
        if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not row["text"].strip():
            raise Invalid(f"{where}: text: an example has one, and an intent")
        if row.get("intent") not in routing.intents and row.get("intent") != routing.background:
            raise Invalid(f"{where}: intent: {row.get('intent')!r} is not in {ROUTING}")
        found.append(Example(row["text"], row["intent"]))
    return found


_Form = TypeVar("_Form", bound=Form)


def _form(form: type[_Form], document: object, *, where: str) -> _Form:
    try:
        return form.model_validate(document)
    except ValidationError as error:
        raise Invalid(f"{where}: {fault(error)}") from error
