"""Runs a module's examples: what it says of its probability and its next step must come out."""

import contextlib
import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aivis.events.envelope import JsonObject
from aivis.modules.evidence import Standing, standing
from aivis.modules.expressions import Scope, Undecided, arguments, evaluate, holds
from aivis.modules.library import Library
from aivis.modules.loader import Source
from aivis.modules.problems import Problem
from aivis.modules.schema import Example, Fault, Given, Procedure, Suspect
from aivis.modules.walking import Answer, walk

_COMPARE = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True)
class NextStep:
    """What a module alone would do: a tool or procedure with its arguments, or `finding`, `escalate`, `nothing`."""

    name: str
    arguments: JsonObject


def example_faults(source: Source, library: Library) -> Iterator[Problem]:
    """The examples that do not come out as they say."""
    for index, example in enumerate(source.module.examples):
        for field, message in _differences(source, example, library):
            yield source.marked.problem(("examples", index, "then", field), message)


def _differences(source: Source, example: Example, library: Library) -> Iterator[tuple[str, str]]:
    module, then = source.module, example.then
    scope = Scope(ticket=_ticket(example.given, library))
    if isinstance(module, Procedure):
        yield from _walked(module, example, scope)
        return
    stand = standing(module, scope, lambda tool, _: example.given.results.get(tool))
    share = stand.alone
    if then.probability and not _compares(share, then.probability):
        yield "probability", f"is {share:.3f}, not {then.probability}: correct the example, or the checks"
    found = next_step(stand)
    if then.next and found.name != then.next:
        yield "next", f"is {found.name}, not {then.next}: correct the example, or the module"
    for name, value in then.with_.items():
        if found.arguments.get(name) != value:
            yield "with", f"{name} is {found.arguments.get(name)!r}, not {value!r}: correct the example, or the module"


def next_step(stand: Standing) -> NextStep:
    """What the module alone would do next."""
    if not stand.confirmed:
        return _look(stand, "nothing")
    return _end(stand.module, stand.scope) or _look(stand, "nothing")


def _look(stand: Standing, otherwise: str) -> NextStep:
    if stand.open:
        return NextStep(stand.open[0].check.tool, stand.open[0].arguments)
    return NextStep(otherwise, {})


def _end(module: Suspect, scope: Scope) -> NextStep | None:
    """What a confirmed module leads to; None when that waits for what another of its checks finds."""
    remedies = module.remedies if isinstance(module, Fault) else ()
    for remedy in remedies:
        applies = holds(remedy.when, scope)
        if applies is False:
            continue
        try:
            values, _ = arguments(remedy.with_, scope)
        except Undecided:
            return None
        return NextStep(remedy.tool or remedy.procedure, values) if applies else None
    if isinstance(module, Fault) and module.escalate:
        return NextStep("escalate", {})
    return NextStep("nothing" if remedies else "finding", {})


def _walked(module: Procedure, example: Example, scope: Scope) -> Iterator[tuple[str, str]]:
    end = walk(module, scope, lambda step, _: Answer(example.given.results.get(step.tool, {})))
    tools = [done.step.tool for done in end.done]
    if example.then.steps is not None and tools != example.then.steps:
        yield "steps", f"are {', '.join(tools) or 'none'}: correct the example, or the steps"
    failed = end.failed.tool if end.failed else ""
    if failed != example.then.fails:
        told = f"{failed} fails ({end.why})" if failed else "nothing fails"
        yield "fails", f"{told}: correct the example, or the steps"


def _ticket(given: Given, library: Library) -> JsonObject:
    """The example's ticket with the defaults of what it leaves out."""
    ticket = dict(given.ticket)
    for name, declared in library.inputs.items():
        if name not in ticket and isinstance(declared.default, str):
            with contextlib.suppress(Undecided):
                ticket[name] = evaluate(declared.default, Scope(ticket=ticket))
        elif name not in ticket and declared.default is not None:
            ticket[name] = declared.default
    return ticket


def _compares(share: float, wanted: str) -> bool:
    match = re.fullmatch(r"(<=|>=|<|>)\s*([\d.]+)", wanted)
    assert match, "the schema lets nothing else through"
    return bool(_COMPARE[match.group(1)](share, float(match.group(2))))
