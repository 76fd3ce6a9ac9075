"""Checks each use of a tool in a module: the tool, its arguments, the risk, the way back."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema

from aivis.events.envelope import JsonObject
from aivis.modules.catalogue import Catalogue, DeclaredTool, fields, within
from aivis.modules.expressions import Scope, Undecided, evaluate, holes, sources
from aivis.modules.library import Library
from aivis.modules.marks import Marked, Path
from aivis.modules.paths import roots
from aivis.modules.problems import Problem
from aivis.modules.schema import AnyModule, Remedy, Step, Undo, Use, Verify
from aivis.modules.spots import Spot, faults_of
from aivis.toolkit.declaration import Risk


@dataclass(frozen=True)
class Bench:
    """One file, and all it may refer to."""

    library: Library
    catalogue: Catalogue
    marked: Marked

    def spot(self, module: AnyModule) -> Spot:
        inputs = self.library.inputs
        always = {name for name, each in inputs.items() if each.default is not None}
        asked = {name for root, name in roots(module.applies) if root == "ticket" and name}
        return Spot(frozenset(inputs), frozenset(module.needs) | always | asked)

    def cel(self, source: str, path: Path, spot: Spot) -> Iterator[Problem]:
        return (self.marked.problem(path, message) for message in faults_of(source, spot))

    def text(self, text: str | None, path: Path, spot: Spot) -> Iterator[Problem]:
        lenient = Spot(spot.inputs, spot.sure, spot.found, spot.result, lenient=True)
        for hole in holes(text or ""):
            yield from self.cel(hole, path, lenient)


def use_faults(use: Use, path: Path, bench: Bench, spot: Spot) -> Iterator[Problem]:
    """What is wrong with one use of a tool."""
    yield from arguments_faults(use.with_, path, bench, spot)
    tool = bench.catalogue.get(use.tool)
    if tool is None:
        near = difflib.get_close_matches(use.tool, list(bench.catalogue), 1)
        advice = f"did you mean {near[0]}?" if near else "start the server that declares it, or name another"
        yield bench.marked.problem((*path, "tool"), f"no tool server declares {use.tool}: {advice}")
        return
    known = fields(tool.arguments, tool.arguments)
    for name, value in use.with_.items():
        where = (*path, "with", name)
        declared = within(tool.arguments, name, tool.arguments)
        if declared is None:
            has = ", ".join(known) or "none"
            yield bench.marked.problem(where, f"{use.tool} has no argument {name} (it has: {has})")
        else:
            yield from _constant(value, declared, where, tool, bench)
    for name in tool.arguments.get("required", []):
        if name not in use.with_:
            yield bench.marked.problem((*path, "with"), f"{use.tool} needs the argument {name}: add it")


def arguments_faults(values: Mapping[str, Any], path: Path, bench: Bench, spot: Spot) -> Iterator[Problem]:
    """What is wrong with the CEL in arguments."""
    for name, value in values.items():
        for source in sources(value):
            yield from bench.cel(source, (*path, "with", name), spot)


def _constant(value: Any, schema: JsonObject, path: Path, tool: DeclaredTool, bench: Bench) -> Iterator[Problem]:
    """A constant argument must satisfy the tool's schema."""
    if isinstance(value, str):
        if list(roots(value)):
            return
        try:
            value = evaluate(value, Scope())
        except (Undecided, ValueError):
            return
    elif sources(value):
        return
    whole = {**schema, "$defs": tool.arguments.get("$defs", {})}
    for error in jsonschema.Draft202012Validator(whole).iter_errors(value):
        yield bench.marked.problem(path, f"{tool.name} does not take {value!r}: {error.message}")


def undo_faults(part: Remedy | Step, path: Path, bench: Bench, spot: Spot) -> Iterator[Problem]:
    """What is wrong with the way back from a remedy or a step."""
    tool, where = bench.catalogue.get(part.tool), (*path, "undo")
    risk = part.risk if isinstance(part, Remedy) else tool and tool.risk
    if part.undo is None and risk is Risk.REVERSIBLE:
        yield bench.marked.problem(path, "undo is missing: say how it is put back (true: the tool undoes itself)")
    if part.undo is True and tool and not tool.undoable:
        yield bench.marked.problem(where, f"{tool.name} cannot undo itself: name the tool that puts it back")
    if isinstance(part.undo, Undo):
        seen = spot.answered(tool.result if tool else None)
        yield from bench.cel(part.undo.when, (*where, "when"), seen)
        yield from use_faults(part.undo, where, bench, seen)


def verify_faults(verifies: Sequence[Verify], path: Path, bench: Bench, spot: Spot) -> Iterator[Problem]:
    """What is wrong with verifications."""
    for index, verify in enumerate(verifies):
        where = (*path, index) if (*path, index) in bench.marked.lines else path
        yield from bench.cel(verify.when, (*where, "when"), spot)
        yield from use_faults(verify, where, bench, spot.knowing(verify.when))
        tool = bench.catalogue.get(verify.tool)
        if tool and tool.risk is not Risk.READ:
            yield bench.marked.problem((*where, "tool"), f"{verify.tool} is {tool.risk}: a verification may only read")
        seen = spot.knowing(verify.when).answered(tool.result if tool else None)
        yield from bench.cel(verify.expect, (*where, "expect"), seen)
