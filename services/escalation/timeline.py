"""A case's log as people read it: reasoning, tool calls with arguments and results, words, and who did what. Pure."""

from collections.abc import Iterable
from datetime import datetime
from functools import singledispatch

from aivis.events import cases, escalations, replies, tickets
from aivis.events.actions import (
    ActionFailed,
    ActionFinished,
    ActionUnsettled,
    ApprovalDenied,
    ApprovalGranted,
    ApprovalRequested,
    Settlement,
)
from aivis.events.envelope import Event, JsonObject, Payload, Value
from aivis.events.plans import PlanMade, PlanRequested


class Call(Value):
    """A tool call, and what came of it."""

    action: str
    tool: str
    purpose: str
    module: str = ""
    arguments: JsonObject
    result: JsonObject | None = None
    artifact: str = ""
    """Digest of a result that is too large to be shown."""
    failure: str = ""
    seconds: float | None = None
    state: str = "running"
    """`running`, `done`, `failed`, `waits`, `unsettled`."""


class Step(Value):
    """One entry of the timeline."""

    sequence: int
    id: str
    at: datetime
    kind: str
    """`customer`, `agent`, `reply`, `expert`, `state`: who speaks, and how it is shown."""
    title: str
    text: str = ""
    notes: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    citations: tuple[replies.Citation, ...] = ()
    judgeable: bool = False


def timeline(log: Iterable[Event]) -> list[Step]:
    """The steps of `log` in order; results are shown with the call they answer."""
    steps: list[Step] = []
    calls: dict[str, Call] = {}
    for event in log:
        ended = _end(event.data, calls)
        if ended is not None:
            calls[ended.action] = ended
            continue
        step = _step(event.data, event)
        if step is not None:
            steps.append(step)
            calls |= {call.action: call for call in step.calls}
    return [step.model_copy(update={"calls": tuple(calls[call.action] for call in step.calls)}) for step in steps]


def can_be_judged(log: Iterable[Event], about: str) -> bool:
    """Whether the case has an action, a decision, a reply or an escalation of that id."""
    for event in log:
        if event.id == about or any(call.action == about for call in _calls(event.data)):
            return True
        if isinstance(event.data, escalations.CaseEscalated) and event.data.escalation == about:
            return True
    return False


def _end(data: Payload, calls: dict[str, Call]) -> Call | None:
    """The call with what `data` says of it; None when it says nothing of a call that is shown."""
    known = calls.get(getattr(data, "action", ""))
    if known is None:
        return None
    match data:
        case ActionFinished():
            digest = data.result_artifact.digest if data.result_artifact else ""
            change = {"state": "done", "result": data.result, "artifact": digest, "seconds": data.seconds}
        case ActionFailed():
            change = {"state": "failed", "failure": f"{data.kind}: {data.message}", "seconds": data.seconds}
        case ApprovalRequested():
            change = {"state": "waits", "failure": f"needs an expert's word: {data.reason}"}
        case ActionUnsettled():
            change = {"state": "unsettled", "failure": data.message}
        case _:
            return None
    return known.model_copy(update=change)


def _calls(data: Payload) -> tuple[Call, ...]:
    if not isinstance(data, cases.DecisionMade):
        return ()
    return tuple(
        Call(action=a.action, tool=a.tool, purpose=a.purpose, module=a.module, arguments=a.arguments)
        for a in data.actions
    )


def _of(event: Event, kind: str, title: str, text: str = "", **more: object) -> Step:
    return Step.model_validate(
        {
            "sequence": event.sequence or 0,
            "id": event.id,
            "at": event.time,
            "kind": kind,
            "title": title,
            "text": text,
            **more,
        }
    )


@singledispatch
def _step(data: Payload, event: Event) -> Step | None:
    """What people see of an event; None when it says nothing to them."""
    return None


@_step.register
def _(data: tickets.TicketOpened, event: Event) -> Step:
    return _of(event, "customer", f"{data.customer} opened {data.ticket}: {data.subject}", data.text)


@_step.register
def _(data: tickets.TicketMessageAdded, event: Event) -> Step:
    return _of(event, "customer", f"{data.author} wrote", data.text)


@_step.register
def _(data: tickets.TicketEdited, event: Event) -> Step:
    return _of(event, "customer", "The ticket was edited", data.text)


@_step.register
def _(data: tickets.TicketReopened, event: Event) -> Step:
    return _of(event, "customer", "The ticket was reopened", data.text)


@_step.register
def _(data: tickets.TicketClosed, event: Event) -> Step:
    return _of(event, "state", "The ticket was closed in its own system", data.reason)


@_step.register
def _(data: tickets.TicketWithdrawn, event: Event) -> Step:
    return _of(event, "state", "The customer withdrew the ticket", data.reason)


@_step.register
def _(data: tickets.TicketMerged, event: Event) -> Step:
    return _of(event, "state", f"The ticket became part of case {data.into}")


@_step.register
def _(data: PlanRequested, event: Event) -> None:
    return None


@_step.register
def _(data: PlanMade, event: Event) -> Step:
    kinds = data.plan.classification
    subtasks = tuple(f"{subtask.id}: {subtask.goal} ({subtask.agent})" for subtask in data.plan.subtasks)
    title = f"Plan: {kinds.scenario}, {kinds.complexity}, {kinds.frequency}"
    return _of(event, "agent", title, data.plan.reason, notes=subtasks)


@_step.register
def _(data: cases.DecisionMade, event: Event) -> Step:
    likely = tuple(
        f"{hypothesis.probability:.0%} {hypothesis.name}" + (f": {hypothesis.says}" if hypothesis.says else "")
        for hypothesis in data.hypotheses
    )
    title = f"Decided to {data.kind.replace('-', ' ')} ({data.brain})"
    return _of(event, "agent", title, data.reason, notes=likely, calls=_calls(data), judgeable=True)


@_step.register
def _(data: cases.SubtaskEnded, event: Event) -> Step:
    title = f"Subtask {data.subtask} " + ("solved" if data.solved else "not solved")
    known = (*data.known, *data.tried, *data.proposed)
    return _of(event, "agent", title + (f": {data.fault}" if data.fault else ""), data.finding, notes=known)


@_step.register
def _(data: cases.ModelResponded, event: Event) -> Step:
    return _of(event, "agent", f"{data.model} answered ({data.prompt_tokens} + {data.completion_tokens} tokens)")


@_step.register
def _(data: cases.LimitReached, event: Event) -> Step:
    return _of(event, "agent", f"Limit reached: {data.guard}", data.detail)


@_step.register
def _(data: replies.ReplySent, event: Event) -> Step:
    title = f"{data.author} to the customer ({data.kind})"
    return _of(event, "reply", title, data.text, citations=data.citations, judgeable=True)


@_step.register
def _(data: replies.NotePosted, event: Event) -> Step:
    return _of(event, "agent", f"Note by {data.author}", data.text)


@_step.register
def _(data: replies.StatusChanged, event: Event) -> Step:
    return _of(event, "state", f"Status: {data.status}")


@_step.register
def _(data: replies.OwnerChanged, event: Event) -> Step:
    return _of(event, "state", f"Owner: {data.owner}")


@_step.register
def _(data: replies.OutcomeReached, event: Event) -> Step:
    how = "without a person's part" if data.independent else "with a person's part"
    return _of(event, "state", f"Outcome: {data.outcome}, {how}", data.summary)


@_step.register
def _(data: escalations.CaseEscalated, event: Event) -> Step:
    return _of(event, "agent", f"Asked for a person: {data.reason}", data.summary.problem)


@_step.register
def _(data: escalations.CaseOverdue, event: Event) -> Step:
    who = f"{data.expert} has it" if data.expert else "nobody has acted"
    return _of(event, "state", f"Overdue: waits for an expert since {data.since:%Y-%m-%d %H:%M} UTC, {who}")


@_step.register
def _(data: escalations.GuidanceGiven, event: Event) -> Step:
    inputs = tuple(f"{name} = {value}" for name, value in data.inputs.items())
    notes = ((f"module: {data.module}",) if data.module else ()) + inputs
    return _of(event, "expert", f"{data.expert} guided the agent", data.text, notes=notes)


@_step.register
def _(data: escalations.AnswerGiven, event: Event) -> Step:
    return _of(event, "expert", f"{data.expert} answered the customer" + (" and ended the case" * data.resolves))


@_step.register
def _(data: escalations.CaseTaken, event: Event) -> Step:
    return _of(event, "expert", f"{data.expert} took the case")


@_step.register
def _(data: escalations.CaseHandedBack, event: Event) -> Step:
    return _of(event, "expert", f"{data.expert} handed the case back", data.note)


@_step.register
def _(data: escalations.FeedbackGiven, event: Event) -> Step:
    right = "right" if data.right else "wrong"
    return _of(event, "expert", f"{data.expert} judged {data.about} {right}", data.text)


@_step.register
def _(data: ApprovalGranted, event: Event) -> Step:
    return _of(event, "expert", f"{data.expert} approved action {data.action}")


@_step.register
def _(data: ApprovalDenied, event: Event) -> Step:
    return _of(event, "expert", f"{data.expert} denied action {data.action}", data.reason)


@_step.register
def _(data: Settlement, event: Event) -> Step:
    happened = "took effect" if data.happened else "did not take effect"
    return _of(event, "expert", f"{data.expert} found that action {data.action} {happened}", data.note)
