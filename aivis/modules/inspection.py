"""Walks through a module and checks each expression and each use of a tool where it stands."""

import difflib
from collections.abc import Iterator, Mapping

from aivis.modules.catalogue import DeclaredTool
from aivis.modules.library import Library
from aivis.modules.marks import Path
from aivis.modules.problems import Problem
from aivis.modules.schema import AnyModule, Fault, Healthy, Procedure, Remedy, Step, Use
from aivis.modules.spots import Spot
from aivis.modules.uses import Bench, arguments_faults, undo_faults, use_faults, verify_faults
from aivis.toolkit.declaration import Risk


def module_faults(module: AnyModule, bench: Bench) -> Iterator[Problem]:
    """What is wrong with a module of the right form, its examples aside."""
    spot = bench.spot(module)
    for index, name in enumerate(module.needs):
        if name not in bench.library.inputs:
            known = ", ".join(sorted(bench.library.inputs)) or "none"
            yield bench.marked.problem(("needs", index), f"inputs.yaml has no input {name} (it has: {known}): add it")
    for index, name in enumerate(module.said):
        if name not in module.needs:
            yield bench.marked.problem(("said", index), f"{name} is not among needs: add it there")
    if not (module.serves or module.explains):
        yield bench.marked.problem((), "give serves or explains, or nothing will ever use it")
    guard = Spot(spot.inputs, spot.inputs)
    yield from bench.cel(module.applies, ("applies",), guard)
    if isinstance(module, Procedure):
        yield from _procedure(module, bench, spot)
    else:
        yield from _suspect(module, bench, spot)


def _suspect(module: Fault | Healthy, bench: Bench, spot: Spot) -> Iterator[Problem]:
    for index, check in enumerate(module.checks):
        path: Path = ("checks", index)
        yield from bench.cel(check.when, (*path, "when"), spot)
        yield from use_faults(check, path, bench, spot.knowing(check.when))
        tool = bench.catalogue.get(check.tool)
        if tool and tool.risk is not Risk.READ:
            yield bench.marked.problem((*path, "tool"), f"{check.tool} is {tool.risk}: a check may only read")
        seen = spot.knowing(check.when).answered(tool.result if tool else None)
        yield from _finds(check.finds, path, bench, seen)
        spot, seen = spot.after(check.finds), seen.after(check.finds)
        yield from bench.cel(check.when_present, (*path, "when_present"), seen)
    yield from bench.text(module.says, ("says",), spot)
    yield from bench.text(module.finding, ("finding",), spot)
    if isinstance(module, Fault):
        yield from bench.text(module.escalate, ("escalate",), spot)
        yield from _remedies(module, bench, spot)


def _finds(finds: Mapping[str, str], path: Path, bench: Bench, seen: Spot) -> Iterator[Problem]:
    """Each may use those before it."""
    for name, source in finds.items():
        yield from bench.cel(source, (*path, "finds", name), seen)
        seen = seen.after({name: source})


def _remedies(module: Fault, bench: Bench, spot: Spot) -> Iterator[Problem]:
    means: set[str] = set()
    for index, remedy in enumerate(module.remedies):
        path: Path = ("remedies", index)
        yield from _remedy(remedy, path, bench, spot)
        name = _first_tool(remedy, bench.library)
        if name in means:
            yield bench.marked.problem(path, f"another remedy here also begins with {name}: make it one remedy")
        means.add(name)


def _remedy(remedy: Remedy, path: Path, bench: Bench, spot: Spot) -> Iterator[Problem]:
    yield from bench.cel(remedy.when, (*path, "when"), spot)
    if remedy.procedure:
        yield from _procedure_use(remedy, path, bench, spot)
    else:
        use = Use.model_validate({"tool": remedy.tool, "with": remedy.with_})
        yield from use_faults(use, path, bench, spot.knowing(remedy.when))
        tool = bench.catalogue.get(remedy.tool)
        if tool and tool.risk is not remedy.risk:
            told = f"the tool server declares {remedy.tool} as {tool.risk}: write that"
            yield bench.marked.problem((*path, "risk"), told)
        yield from undo_faults(remedy, path, bench, spot)
    yield from verify_faults(remedy.verify, (*path, "verify"), bench, spot)
    if not remedy.verify and remedy.risk is not Risk.READ:
        yield bench.marked.problem(path, f"verify is missing: a {remedy.risk} remedy is checked by a fresh look")


def _procedure_use(remedy: Remedy, path: Path, bench: Bench, spot: Spot) -> Iterator[Problem]:
    known = {each.name: each for each in bench.library.procedures}
    if remedy.procedure not in known:
        near = difflib.get_close_matches(remedy.procedure, known, 1)
        advice = f": did you mean {near[0]}?" if near else ""
        yield bench.marked.problem((*path, "procedure"), f"there is no procedure {remedy.procedure}{advice}")
        return
    if remedy.undo is not None:
        yield bench.marked.problem((*path, "undo"), "a procedure's own steps say how they are undone: take it out")
    yield from arguments_faults(remedy.with_, path, bench, spot)
    for name in remedy.with_:
        if name not in bench.library.inputs:
            yield bench.marked.problem((*path, "with", name), f"inputs.yaml has no input {name}")
    for name in known[remedy.procedure].needs:
        if name not in spot.sure and name not in remedy.with_:
            yield bench.marked.problem((*path, "with"), f"{remedy.procedure} needs {name}: give it here or in needs")


def _procedure(module: Procedure, bench: Bench, spot: Spot) -> Iterator[Problem]:
    for index, step in enumerate(module.steps):
        path: Path = ("steps", index)
        tool = bench.catalogue.get(step.tool)
        yield from bench.cel(step.when, (*path, "when"), spot)
        yield from use_faults(step, path, bench, spot.knowing(step.when))
        seen = spot.knowing(step.when).answered(tool.result if tool else None)
        yield from _finds(step.finds, path, bench, seen)
        spot, seen = spot.after(step.finds), seen.after(step.finds)
        yield from bench.cel(step.expect, (*path, "expect"), seen)
        yield from bench.text(step.otherwise, (*path, "otherwise"), seen)
        if tool:
            yield from _step_risk(step, path, tool, module, bench)
        yield from undo_faults(step, path, bench, spot)
    yield from verify_faults(module.verify, ("verify",), bench, spot)
    yield from bench.text(module.says, ("says",), spot)
    yield from bench.text(module.finding, ("finding",), spot)


def _step_risk(step: Step, path: Path, tool: DeclaredTool, module: Procedure, bench: Bench) -> Iterator[Problem]:
    if tool.risk is Risk.READ:
        return
    if step.tries > 1:
        told = f"{step.tool} changes something: it is never called again; take tries out"
        yield bench.marked.problem((*path, "tries"), told)
    if not module.verify and step is module.steps[-1] and step.expect == "true":
        yield bench.marked.problem(path, "verify is missing: end with a verify, a step that looks, or an expect")


def inputs_faults(bench: Bench) -> Iterator[Problem]:
    """What is wrong with inputs.yaml."""
    names = frozenset(bench.library.inputs)
    spot = Spot(names, names)
    for name, declared in bench.library.inputs.items():
        path: Path = ("inputs", name)
        if isinstance(declared.default, str):
            yield from bench.cel(declared.default, (*path, "default"), spot)
        for index, lookup in enumerate(declared.lookup):
            where = (*path, "lookup", index)
            yield from use_faults(lookup, where, bench, spot)
            tool = bench.catalogue.get(lookup.tool)
            if tool and tool.risk is not Risk.READ:
                yield bench.marked.problem((*where, "tool"), f"{lookup.tool} is {tool.risk}: a lookup may only read")
            seen = spot.answered(tool.result if tool else None)
            yield from bench.cel(lookup.when, (*where, "when"), spot)
            yield from bench.cel(lookup.settled, (*where, "settled"), seen)
            yield from bench.cel(lookup.value, (*where, "value"), seen)


def _first_tool(remedy: Remedy, library: Library) -> str:
    module = library.modules.get(remedy.procedure)
    return module.steps[0].tool if isinstance(module, Procedure) else remedy.tool
