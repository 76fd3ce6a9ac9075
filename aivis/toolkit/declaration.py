"""A tool's declaration: what it takes, gives and risks, and what may be done when its answer is lost."""

import hashlib
import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Generic, TypeVar

import orjson

from aivis.errors import Invalid
from aivis.toolkit.call import Call
from aivis.toolkit.models import Arguments, Result
from aivis.toolkit.schema import closed_schema

S = TypeVar("S")
_WHY_SAFE = (
    "dedupes: the server may die between the effect and its record, so the effect itself must bear repeating; "
    "say why it does with repeats_safely=..., or use Repeat.LOOKUP"
)
NAME = re.compile(r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")


class Risk(StrEnum):
    READ = "read"
    """Changes nothing."""
    REVERSIBLE = "reversible"
    """Changes something that the undo puts back."""
    DESTRUCTIVE = "destructive"
    """Changes something for good, or interrupts the customer."""


class Repeat(StrEnum):
    """What may be done with a call whose answer was lost."""

    DEDUPES = "dedupes"
    """Call again with the same key: it acts once."""
    LOOKUP = "lookup"
    """Lookup tells what became of it."""
    NEITHER = "neither"
    """Nobody can tell: a person decides."""


@dataclass(frozen=True)
class Tool(Generic[S]):
    """One declared tool.

    The function takes (arguments, call); undo takes (arguments, result, call); lookup takes (arguments, call) and
    gives the result when the effect happened, None when it did not, and raises `Unknown` when it cannot tell.
    """

    name: str
    function: Callable[..., Any]
    risk: Risk
    repeat: Repeat
    timeout: timedelta
    owner: str
    resource: str = ""
    """The argument that names what is acted upon."""
    dedupe_window: timedelta = timedelta(0)
    repeats_safely: str = ""
    """Of an effect that dedupes: why doing it twice is doing it once, without any record of the first time."""
    settling_time: timedelta = timedelta(0)
    lookup: Callable[..., Any] | None = None
    undo: Callable[..., Any] | None = None
    revision: str = "1"
    """The author's mark of a change in behaviour."""

    @property
    def description(self) -> str:
        return inspect.getdoc(self.function) or ""

    @cached_property
    def arguments(self) -> type[Arguments]:
        return _signature(self)[0]

    @cached_property
    def result(self) -> type[Result]:
        return _signature(self)[1]

    @cached_property
    def arguments_schema(self) -> dict[str, Any]:
        return closed_schema(self.arguments)

    @cached_property
    def result_schema(self) -> dict[str, Any]:
        return closed_schema(self.result)

    @property
    def is_effect(self) -> bool:
        return self.risk is not Risk.READ

    @cached_property
    def version(self) -> str:
        """The revision and a digest of all that is declared: it changes whenever the schema does."""
        declared = [
            self.name, self.description, self.arguments_schema, self.result_schema, self.risk, self.repeat,
            self.timeout.total_seconds(), self.dedupe_window.total_seconds(), self.settling_time.total_seconds(),
            self.undo is not None, self.resource,
        ]  # fmt: skip
        digest = hashlib.sha256(orjson.dumps(declared, option=orjson.OPT_SORT_KEYS)).hexdigest()
        return f"{self.revision}-{digest[:12]}"


def checked(tool: Tool[S]) -> Tool[S]:
    """`tool`, when its declaration is complete and sound; `Invalid` says what is missing and what to write."""
    for sound, what in (*_about_itself(tool), *_about_effects(tool), *_about_repeats(tool)):
        if not sound:
            raise Invalid(f"tool {tool.name!r} ({tool.function.__qualname__}): {what}")
    try:
        _ = tool.arguments_schema, tool.result_schema
    except Invalid as error:
        raise Invalid(f"tool {tool.name!r}: {error}") from error
    if tool.resource and tool.resource not in tool.arguments.model_fields:
        raise Invalid(f"tool {tool.name!r}: resource={tool.resource!r} is no field of {tool.arguments.__name__}")
    return tool


def _about_itself(tool: Tool[S]) -> list[tuple[bool, str]]:
    return [
        (NAME.match(tool.name) is not None, "the name must be DOMAIN.VERB in lower case, as cloud.describe_instance"),
        (bool(tool.description), "has no docstring; write what it does and when to use it, for the agent"),
        (bool(tool.owner), "has no owner; name the team or address that answers for it"),
        (tool.timeout > timedelta(0), "the timeout must be longer than 0"),
    ]


def _about_effects(tool: Tool[S]) -> list[tuple[bool, str]]:
    effect = tool.is_effect
    return [
        (bool(tool.resource) or not effect, "changes something: name the argument it acts upon with resource=..."),
        (tool.undo is not None or tool.risk is not Risk.REVERSIBLE, "is reversible: give undo=..., or be destructive"),
        (tool.undo is None or effect, "changes nothing, so it has no undo; or is its risk not read?"),
        (_takes(tool.undo, 3), "its undo must be a function (arguments, result, call)"),
        (_takes(tool.lookup, 2), "its lookup must be a function (arguments, call)"),
        (tool.repeat is Repeat.DEDUPES or effect, "changes nothing, so it can be repeated: repeat=Repeat.DEDUPES"),
    ]  # fmt: skip


def _about_repeats(tool: Tool[S]) -> list[tuple[bool, str]]:
    dedupes = tool.is_effect and tool.repeat is Repeat.DEDUPES
    lookup = tool.repeat is Repeat.LOOKUP
    return [
        (not dedupes or tool.dedupe_window > timedelta(0), "dedupes: say for how long with dedupe_window=..."),
        (not dedupes or bool(tool.repeats_safely), _WHY_SAFE),
        (not lookup or tool.lookup is not None, "is looked up: give lookup=..., which asks the real system"),
        (not lookup or tool.settling_time > timedelta(0), "is looked up: say when it shows with settling_time=..."),
        (lookup or tool.lookup is None, "has a lookup, so declare repeat=Repeat.LOOKUP"),
        (dedupes or not tool.repeats_safely, "says repeats_safely, which only an effect that dedupes does"),
    ]  # fmt: skip


def _signature(tool: Tool[S]) -> tuple[type[Arguments], type[Result]]:
    """The models of the function's argument and result; `Invalid` shows how the signature must look."""
    hints = typing.get_type_hints(tool.function)
    gives = hints.pop("return", None)
    takes = list(hints.values())
    if len(takes) != 2 or not _is(takes[0], Arguments) or not _is(takes[1], Call) or not _is(gives, Result):
        raise Invalid(
            f"tool {tool.name!r} ({tool.function.__qualname__}): must be a function (arguments: A, call: Call[S]) -> R "
            f"with A derived from Arguments and R from Result; it takes {takes} and gives {gives}"
        )
    return takes[0], gives


def _takes(function: Callable[..., Any] | None, count: int) -> bool:
    return function is None or len(inspect.signature(function).parameters) == count


def _is(hint: Any, kind: type) -> bool:
    origin = typing.get_origin(hint) or hint
    return isinstance(origin, type) and issubclass(origin, kind)
