"""What the executor asks of those who carry tools out. Behind it are tool servers; later MCP, OpenAPI, a sandbox."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from math import inf
from typing import Protocol

from aivis.errors import Unknown
from aivis.toolkit.declaration import Repeat, Risk


class TooLarge(Unknown):
    """The tool answered, with more than can be taken in: what it was to do, it did."""


@dataclass(frozen=True)
class Declaration:
    """A tool as its server declares it, unchecked. None stands for what is not said."""

    name: str
    description: str
    arguments_schema: str
    """JSON."""
    result_schema: str
    """JSON."""
    risk: Risk | None
    repeat: Repeat | None
    timeout: timedelta
    dedupe_window: timedelta
    settling_time: timedelta
    undoable: bool
    owner: str
    resource_argument: str
    version: str


@dataclass(frozen=True)
class Call:
    """One call of a tool."""

    tool: str
    arguments: bytes
    """JSON object."""
    key: str
    """Idempotency key: the action's id."""
    tenant: str
    case: str
    timeout: timedelta
    traceparent: str | None = None
    by: float = inf
    """By `time.monotonic`: after this it is not sent any more. A process that stood still must not act when others,
    who found the action in INTENT, have settled it."""


@dataclass(frozen=True)
class Undone:
    """The call that an undo reverses; its arguments are those of the undo."""

    key: str
    result: bytes
    """JSON object."""


class Became(StrEnum):
    """What became of a call, as its server tells."""

    HAPPENED = "happened"
    DID_NOT_HAPPEN = "did-not-happen"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Found:
    became: Became
    result: bytes = b""
    """JSON object, when it happened."""


class ToolProvider(Protocol):
    """Where tools are.

    Every method raises `Invalid`, `NotFound` or `Refused` when nothing was done and the same call never will be
    accepted, `Transient` when nothing was done and a later call may succeed, `Unknown` when it may or may not have
    been done, `TooLarge` when it was done and the answer is too large.
    """

    @property
    def name(self) -> str:
        """What it is and where, for people: "tool server at HOST:PORT"."""

    @property
    def address(self) -> str:
        """Where it is: HOST:PORT."""

    async def declared(self) -> list[Declaration]:
        """Every tool there."""

    async def call(self, call: Call) -> bytes:
        """The result's JSON."""

    async def lookup(self, call: Call) -> Found: ...

    async def undo(self, call: Call, undone: Undone) -> bytes:
        """The undo's own result's JSON."""

    async def check(self) -> None:
        """Raise `Transient` unless it answers."""

    async def close(self) -> None: ...
