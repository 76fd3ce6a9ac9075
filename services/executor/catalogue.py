"""The catalogue: every tool of every server that may be called, and what is wrong with the others."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches

import structlog

from aivis.errors import AivisError, Invalid, NotFound, Transient
from services.executor import metrics
from services.executor.declarations import Tool, checked
from services.executor.ports import Declaration, ToolProvider

log = structlog.get_logger()


@dataclass(frozen=True)
class Problem:
    """A tool that may not be called as it is declared, or a server that cannot be asked."""

    server: str
    tool: str
    """Empty: it is about the server."""
    says: str


@dataclass(frozen=True)
class Offer:
    """A sound tool and where it is."""

    tool: Tool
    provider: ToolProvider


@dataclass
class Shelf:
    """What one server offers, as of its last answer."""

    provider: ToolProvider
    tools: dict[str, Tool] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    listed: bool = False
    """Whether it has answered at least once."""
    down: str = ""
    """Why its last answer is missing."""


def shelved(
    server: str, declared: Sequence[Declaration], known: dict[str, Tool]
) -> tuple[dict[str, Tool], list[Problem]]:
    """The sound ones of the tools that `server` declares now, and the problems with the others.

    A declaration that differs from the `known` one of the same version is a lie: the known one stays in force.
    """
    tools: dict[str, Tool] = {}
    problems = []
    for declaration in declared:
        name = declaration.name
        if name in tools:
            problems.append(Problem(server, name, f"tool {name!r} is declared twice: the first one counts"))
            continue
        try:
            tools[name] = _same_or_new(declaration, known.get(name))
        except Invalid as error:
            problems.append(Problem(server, name, str(error)))
            continue
        if tools[name].declaration != declaration:
            problems.append(Problem(server, name, _lie(declaration, tools[name].declaration)))
    return tools, problems


def _same_or_new(declaration: Declaration, known: Tool | None) -> Tool:
    if known is not None and declaration.version == known.declaration.version:
        return known
    return checked(declaration)


def _lie(now: Declaration, before: Declaration) -> str:
    names = [name for name in Declaration.__dataclass_fields__ if getattr(now, name) != getattr(before, name)]
    return (
        f"tool {now.name!r} lies about its version {now.version}: {', '.join(names)} changed while the version did not;"
        f" what was declared first stays in force: tell {before.owner} to change the version with the tool"
    )


class Catalogue:
    """The tools of all servers; of two with one name the first server's counts."""

    def __init__(self, providers: Sequence[ToolProvider]) -> None:
        self._shelves = [Shelf(provider) for provider in providers]
        self._offers: dict[str, Offer] = {}
        self._clashes: tuple[Problem, ...] = ()
        self._news = asyncio.Event()

    def find(self, name: str) -> Offer:
        """The tool called `name`; `Transient` while a server that may have it has never answered, else `NotFound`."""
        offer = self._offers.get(name)
        if offer is not None:
            return offer
        silent = [shelf.provider.address for shelf in self._shelves if not shelf.listed]
        if silent:
            raise Transient(f"tool {name!r} is not known, and {', '.join(silent)} has not said yet which tools it has")
        near = get_close_matches(name, self._offers, n=1)
        refused = next((problem.says for problem in self.problems if problem.tool == name), "")
        hint = refused or (f"did you mean {near[0]!r}?" if near else f"there are {len(self._offers)} tools")
        raise NotFound(f"there is no tool {name!r}: {hint}")

    async def found(self, name: str, *, patience: float) -> Offer:
        """As `find`, but where a server has yet to answer it has `patience` seconds to do so."""
        try:
            return self.find(name)
        except Transient:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), patience)
            return self.find(name)

    @property
    def offers(self) -> list[Offer]:
        """All tools, by name."""
        return [self._offers[name] for name in sorted(self._offers)]

    @property
    def problems(self) -> list[Problem]:
        down = [Problem(shelf.provider.address, "", shelf.down) for shelf in self._shelves if shelf.down]
        return [*down, *(problem for shelf in self._shelves for problem in shelf.problems), *self._clashes]

    async def run(self, *, every: float) -> None:
        """Keep the catalogue current, each server at its own pace, until cancelled. `every` is in seconds."""
        await asyncio.gather(*(self._keep(shelf, every) for shelf in self._shelves))

    async def refresh(self) -> None:
        """Ask every server once."""
        await asyncio.gather(*(self._refresh(shelf) for shelf in self._shelves))

    async def _keep(self, shelf: Shelf, every: float) -> None:
        delay = 0.2
        while True:
            await self._refresh(shelf)
            delay = min(every, delay * 2) if shelf.down else every
            await asyncio.sleep(delay)

    async def _refresh(self, shelf: Shelf) -> None:
        server = shelf.provider.address
        try:
            declared = await shelf.provider.declared()
        except AivisError as error:
            if not shelf.down:
                log.warning("tool server does not answer", server=server, error=str(error))
            shelf.down = str(error)
            return
        known = set(shelf.problems)
        shelf.tools, problems = shelved(server, declared, shelf.tools)
        shelf.problems, shelf.listed, shelf.down = tuple(problems), True, ""
        for problem in problems:
            if problem not in known:
                log.error("tool refused", server=server, tool=problem.tool, says=problem.says)
        metrics.TOOLS.labels(server).set(len(shelf.tools))
        metrics.REFUSED_TOOLS.labels(server).set(len(problems))
        self._merge()

    def _merge(self) -> None:
        offers: dict[str, Offer] = {}
        clashes = []
        for shelf in self._shelves:
            for name, tool in shelf.tools.items():
                first = offers.setdefault(name, Offer(tool, shelf.provider))
                if first.provider is not shelf.provider:
                    says = f"tool {name!r} is also declared by {first.provider.address}, whose declaration counts"
                    clashes.append(Problem(shelf.provider.address, name, says))
        self._offers, self._clashes = offers, tuple(clashes)
        self._news.set()
        self._news = asyncio.Event()
