"""A set of tools: functions become declared tools here."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Generic, NotRequired, TypedDict, TypeVar, Unpack

from aivis.errors import Invalid, NotFound
from aivis.toolkit.declaration import Repeat, Risk, Tool, checked

S = TypeVar("S")
F = TypeVar("F", bound=Callable[..., Any])


class Declared(TypedDict):
    """What the decorator is told; `Tool` explains it."""

    name: str
    risk: Risk
    repeat: Repeat
    timeout: timedelta
    owner: str
    resource: NotRequired[str]
    dedupe_window: NotRequired[timedelta]
    repeats_safely: NotRequired[str]
    settling_time: NotRequired[timedelta]
    lookup: NotRequired[Callable[..., Any]]
    undo: NotRequired[Callable[..., Any]]
    revision: NotRequired[str]


class ToolSet(Generic[S]):
    """The tools of one server; `S` is the type of the system they act on, None when they need none."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool[S]] = {}

    def tool(self, **declared: Unpack[Declared]) -> Callable[[F], F]:
        """Declare the decorated function; see `Tool` for what each word means. `Invalid` when something is missing."""

        def declare(function: F) -> F:
            self.add(Tool(function=function, **declared))
            return function

        return declare

    def add(self, tool: Tool[S]) -> None:
        """Register a declared tool; its name must be new."""
        if tool.name in self._tools:
            raise Invalid(f"tool {tool.name!r} is declared twice")
        self._tools[tool.name] = checked(tool)

    def include(self, others: "ToolSet[S]") -> None:
        """Register all tools of another set."""
        for tool in others:
            self.add(tool)

    def get(self, name: str) -> Tool[S]:
        """The tool called `name`, or `NotFound`."""
        if name not in self._tools:
            raise NotFound(f"no tool {name!r} on this server; List names the {len(self._tools)} there are")
        return self._tools[name]

    def __iter__(self) -> Iterator[Tool[S]]:
        return iter(sorted(self._tools.values(), key=lambda tool: tool.name))

    def __len__(self) -> int:
        return len(self._tools)
