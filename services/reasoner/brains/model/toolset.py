"""Which modules and which tools a model is shown: those of the problem, and what else only looks, as room allows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aivis.events.envelope import JsonObject
from aivis.modules.catalogue import Catalogue, DeclaredTool
from aivis.modules.describing import describe
from aivis.modules.library import Library
from aivis.modules.schema import AnyModule, Fault
from aivis.toolkit.declaration import Risk
from services.reasoner.agents.agent import Agent, Problem
from services.reasoner.brains.model import schemas
from services.reasoner.brains.model.tokens import tokens_of


@dataclass(frozen=True)
class Toolset:
    """What the model may use."""

    modules: tuple[AnyModule, ...]
    tools: tuple[DeclaredTool, ...]

    @property
    def functions(self) -> list[JsonObject]:
        return [schemas.function(tool) for tool in self.tools]

    @property
    def guidance(self) -> str:
        return "\n\n".join(describe(module) for module in self.modules)


def toolset(agent: Agent, problem: Problem, catalogue: Catalogue, *, room: int) -> Toolset:
    """At most `room` tokens of modules with the tools they name, then of further tools that change nothing.

    A change that no module of the problem knows is not on offer. It depends on the subtask alone, not on how far it
    is: what was shown once stays.
    """
    mine = {name: tool for name, tool in catalogue.items() if name.startswith(agent.tools)}
    modules: list[AnyModule] = []
    tools: dict[str, DeclaredTool] = {}
    for module in relevant(problem):
        named = {name: mine[name] for name in named_tools(module) if name in mine and name not in tools}
        cost = tokens_of(describe(module)) + sum(map(_cost, named.values()))
        if cost <= room:
            modules.append(module)
            tools |= named
            room -= cost
    for name, tool in mine.items():
        if name not in tools and tool.risk is Risk.READ and _cost(tool) <= room:
            tools[name] = tool
            room -= _cost(tool)
    return Toolset(tuple(modules), tuple(tools.values()))


def _cost(tool: DeclaredTool) -> int:
    return tokens_of(schemas.function(tool))


def relevant(problem: Problem) -> list[AnyModule]:
    """Modules the plan names, in its order; those that explain a symptom; those that serve the intent; their ways."""
    subtask, library = problem.subtask, problem.library
    everything = library.modules.values()
    found = [library.modules[name] for name in subtask.modules if name in library.modules]
    found += [module for module in everything if set(module.explains) & set(subtask.symptoms)]
    found += [module for module in everything if subtask.intent in module.serves]
    found += [way for module in found for way in _ways(module, library)]
    return list({module.name: module for module in found}.values())


def faults(problem: Problem) -> list[str]:
    """The names of what can be wrong."""
    return [module.name for module in relevant(problem) if isinstance(module, Fault)]


def _ways(module: AnyModule, library: Library) -> list[AnyModule]:
    """The procedures that mend it."""
    remedies = module.remedies if isinstance(module, Fault) else ()
    return [library.procedure(remedy.procedure) for remedy in remedies if remedy.procedure]


def named_tools(module: AnyModule) -> tuple[str, ...]:
    """Every tool that the module calls."""
    return tuple(dict.fromkeys(_tools(module.model_dump(by_alias=True))))


def _tools(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("tool"), str) and part["tool"]:
            yield part["tool"]
        for name, child in part.items():
            if name not in {"with", "examples"}:
                yield from _tools(child)
    elif isinstance(part, list | tuple):
        for child in part:
            yield from _tools(child)
