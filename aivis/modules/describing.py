"""A module in words, for people and for a model that is guided by it."""

from collections.abc import Iterable, Mapping
from typing import Any

from aivis.modules.schema import AnyModule, Check, Fault, Healthy, Procedure, Remedy, Step, Undo, Verify


def describe(module: AnyModule) -> str:
    """The module as plain text, a few lines: what it is, when to think of it, what to call with which arguments.

    Arguments and conditions are shown as CEL over `ticket`, `found` and `result`.
    """
    lines = [f"{_kind(module)} {module.name}: {module.says}"]
    if module.explains:
        lines.append(f"Explains: {', '.join(module.explains)}.")
    if module.serves:
        lines.append(f"Serves: {', '.join(module.serves)}.")
    if module.needs:
        lines.append(f"Needs: {', '.join(module.needs)}.")
    if module.applies != "true":
        lines.append(f"Applies when: {module.applies}")
    lines += _procedure(module) if isinstance(module, Procedure) else _suspect(module)
    return "\n".join(lines)


def _kind(module: AnyModule) -> str:
    if isinstance(module, Procedure):
        return "Procedure"
    return "Fault" if isinstance(module, Fault) else "Healthy state"


def _suspect(module: Fault | Healthy) -> list[str]:
    lines = [f"Before any check it is {module.prior:.0%} likely."]
    lines += [_check(check) for check in module.checks]
    if isinstance(module, Fault):
        lines += [line for remedy in module.remedies for line in _remedy(remedy)]
        if module.escalate:
            lines.append(f"A person decides: {module.escalate}")
    if module.finding:
        lines.append(f"Tell the customer: {module.finding}")
    return lines


def _check(check: Check) -> str:
    found = f"; it finds {', '.join(check.finds)}" if check.finds else ""
    return (
        f"Check {_call(check.tool, check.with_)}: it is this when {check.when_present} ({check.sure:.0%} sure){found}."
    )


def _remedy(remedy: Remedy) -> list[str]:
    means = _call(remedy.tool, remedy.with_) if remedy.tool else f"procedure {_call(remedy.procedure, remedy.with_)}"
    only = f" when {remedy.when}" if remedy.when != "true" else ""
    lines = [f"Remedy ({remedy.risk}, helps in {remedy.succeeds:.0%}): {means}{only}."]
    return lines + _verify(remedy.verify) + _undo(remedy.undo)


def _procedure(module: Procedure) -> list[str]:
    lines = [line for number, step in enumerate(module.steps, 1) for line in _step(number, step)]
    lines += _verify(module.verify)
    if module.approvals:
        lines.append(f"Approvals: {module.approvals}")
    lines.append(f"Tell the customer: {module.finding}")
    return lines


def _step(number: int, step: Step) -> list[str]:
    only = f" when {step.when}" if step.when != "true" else ""
    expect = f"; then must hold {step.expect}" if step.expect != "true" else ""
    says = f" ({step.says})" if step.says else ""
    return [f"Step {number}: {_call(step.tool, step.with_)}{only}{expect}{says}.", *_undo(step.undo)]


def _verify(verifies: Iterable[Verify]) -> list[str]:
    return [f"Verify by {_call(verify.tool, verify.with_)}: {verify.expect}." for verify in verifies]


def _undo(undo: Undo | bool | None) -> list[str]:
    if isinstance(undo, Undo):
        return [f"Undo by {_call(undo.tool, undo.with_)}."]
    return ["The tool can undo it."] if undo else []


def _call(tool: str, declared: Mapping[str, Any]) -> str:
    return f"{tool}({', '.join(f'{name}: {value}' for name, value in declared.items())})"
