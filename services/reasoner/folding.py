"""Folding: a case's events, one by one, into the view. Pure; the same events give the same case."""

from functools import singledispatch

import orjson

from aivis.errors import Invalid
from aivis.events import actions, cases, escalations, plans, replies, tickets
from aivis.events.envelope import Event, JsonObject, Payload
from services.reasoner import spent
from services.reasoner.case import AGENT, Attempt, Case, Line, Trajectory, Waiting
from services.reasoner.spent import Question, Spent


def opened(event: Event) -> Case:
    """The case that a `TicketOpened` begins."""
    if not isinstance(event.data, tickets.TicketOpened):
        raise Invalid(f"a case begins with {tickets.TicketOpened.TYPE}, not with {event.type} {event.id}")
    return Case(
        tenant=event.tenant,
        id=event.case,
        sequence=event.sequence or 0,
        ticket=event.data,
        spent=Spent(since=event.time),
    )


def apply(case: Case, event: Event) -> Case:
    """The case after `event`, an entry of its log."""
    changed = _after(event.data, case, event)
    return changed.model_copy(update={"sequence": event.sequence if event.sequence is not None else case.sequence})


def fold(log: list[Event]) -> Case:
    """The case that a whole log tells of."""
    case = opened(log[0])
    for event in log[1:]:
        case = apply(case, event)
    return case


@singledispatch
def _after(data: Payload, case: Case, event: Event) -> Case:
    return case


@_after.register
def _(data: tickets.TicketMessageAdded, case: Case, event: Event) -> Case:
    return _heard(case, data.author, data.text, event)


@_after.register
def _(data: tickets.TicketEdited, case: Case, event: Event) -> Case:
    ticket = case.ticket.model_copy(update={"subject": data.subject or case.ticket.subject, "text": data.text})
    return case.model_copy(update={"ticket": ticket, "plan_stale": True})


@_after.register
def _(data: tickets.TicketReopened, case: Case, event: Event) -> Case:
    reopened = case.model_copy(update={"closed": False, "escalation": None})
    return _heard(reopened, "customer", data.text or "The ticket was reopened: the problem is not solved.", event)


@_after.register(tickets.TicketClosed)
@_after.register(tickets.TicketWithdrawn)
@_after.register(tickets.TicketMerged)
def _(data: Payload, case: Case, event: Event) -> Case:
    return case.model_copy(update={"closed": True, "escalation": None, "plan_request": None})


def _heard(case: Case, author: str, text: str, event: Event) -> Case:
    """The customer spoke: an outcome is taken back, the plan is stale, the budget begins anew after an outcome."""
    update: JsonObject = {
        "conversation": (*case.conversation, Line(author=author, text=text, customer=True)),
        "plan_stale": True,
    }
    if case.outcome is not None:
        update |= {"outcome": None, "spent": Spent(since=event.time)}
    return case.model_copy(update=update)


@_after.register
def _(data: plans.PlanRequested, case: Case, event: Event) -> Case:
    return case.model_copy(
        update={
            "plan_request": data,
            "plan_request_event": event.id,
            "plan_requests": case.plan_requests + 1,
            "plan_stale": False,
        }
    )


@_after.register
def _(data: plans.PlanMade, case: Case, event: Event) -> Case:
    if case.plan_request is None or data.request != case.plan_request.request:
        return case
    carried = tuple(_carried(case, subtask) for subtask in data.plan.subtasks)
    return case.model_copy(update={"plan": data.plan, "plan_request": None, "trajectories": carried})


def _carried(case: Case, subtask: plans.Subtask) -> Trajectory:
    """The subtask's trajectory: what an earlier plan found out about the same question stays known.

    What a model said before the plan was made anew does not: something was said since that it does not know of.
    """
    for old in case.trajectories:
        same = (old.subtask.intent, old.subtask.inputs) == (subtask.intent, subtask.inputs)
        if same and (old.ended is None or old.ended.solved):
            return old.model_copy(update={"subtask": subtask, "response": None})
    return Trajectory(subtask=subtask)


@_after.register
def _(data: cases.DecisionMade, case: Case, event: Event) -> Case:
    counted = {"decisions": case.spent.decisions + 1, "actions": case.spent.actions + len(data.actions)}
    case = case.model_copy(update={"spent": case.spent.model_copy(update=counted)})
    if not data.subtask:
        return case
    old = case.trajectory(data.subtask)
    attempts = (*old.attempts, *(Attempt(action=action) for action in data.actions))
    return _with(case, old.model_copy(update={"attempts": attempts, "response": None}))


@_after.register
def _(data: cases.ModelResponded, case: Case, event: Event) -> Case:
    took = Question(prompt=data.prompt_tokens, completion=data.completion_tokens)
    case = case.model_copy(update={"spent": spent.answered(case.spent, data.subtask, took)})
    old = case.trajectory(data.subtask)
    return _with(case, old.model_copy(update={"response": data}))


@_after.register
def _(data: cases.SubtaskEnded, case: Case, event: Event) -> Case:
    return _with(case, case.trajectory(data.subtask).model_copy(update={"ended": data}))


@_after.register
def _(data: actions.ActionFinished, case: Case, event: Event) -> Case:
    return _settled(case, data.action, {"finished": data}, calls=data.calls)


@_after.register
def _(data: actions.ActionFailed, case: Case, event: Event) -> Case:
    return _settled(case, data.action, {"failed": data}, calls=data.calls)


@_after.register
def _(data: actions.ApprovalRequested, case: Case, event: Event) -> Case:
    return _attempt(case, data.action, {"waits_for": Waiting.APPROVAL})


@_after.register
def _(data: actions.ActionUnsettled, case: Case, event: Event) -> Case:
    return _attempt(case, data.action, {"waits_for": Waiting.SETTLEMENT})


def _settled(case: Case, action: str, update: JsonObject, *, calls: int) -> Case:
    """An action has its outcome; when it waited for a person, a person took part. Repeated calls are spent too."""
    before = [attempt for attempt in case.waiting if attempt.action.action == action]
    if before and calls > 1:
        actions = case.spent.actions + calls - 1
        case = case.model_copy(update={"spent": case.spent.model_copy(update={"actions": actions})})
    asked_a_person = any(attempt.waits_for is not Waiting.RESULT for attempt in before)
    case = _attempt(case, action, {**update, "waits_for": None})
    return case.model_copy(update={"assisted": case.assisted or asked_a_person})


def _attempt(case: Case, action: str, update: JsonObject) -> Case:
    for trajectory in case.trajectories:
        if any(attempt.action.action == action and attempt.waits_for for attempt in trajectory.attempts):
            attempts = tuple(
                attempt.model_copy(update=update) if attempt.action.action == action else attempt
                for attempt in trajectory.attempts
            )
            return _with(case, trajectory.model_copy(update={"attempts": attempts}))
    return case


@_after.register
def _(data: replies.ReplySent, case: Case, event: Event) -> Case:
    line = Line(author=data.author, text=data.text)
    return case.model_copy(update={"conversation": (*case.conversation, line)})


@_after.register
def _(data: replies.StatusChanged, case: Case, event: Event) -> Case:
    return case.model_copy(update={"status": data.status, "status_at": event.sequence or 0})


@_after.register
def _(data: replies.OwnerChanged, case: Case, event: Event) -> Case:
    assisted = case.assisted or data.owner != AGENT
    return case.model_copy(update={"owner": data.owner, "assisted": assisted})


@_after.register
def _(data: replies.OutcomeReached, case: Case, event: Event) -> Case:
    return case.model_copy(update={"outcome": data.outcome, "escalation": None})


@_after.register
def _(data: escalations.CaseEscalated, case: Case, event: Event) -> Case:
    return case.model_copy(update={"escalation": data, "escalations": case.escalations + 1})


@_after.register
def _(data: escalations.GuidanceGiven, case: Case, event: Event) -> Case:
    return case.model_copy(
        update={
            "guidance": (*case.guidance, data),
            "escalation": None,
            "plan_stale": True,
            "assisted": True,
            "spent": Spent(since=event.time),
        }
    )


@_after.register(escalations.AnswerGiven)
@_after.register(escalations.CaseTaken)
def _(data: Payload, case: Case, event: Event) -> Case:
    """A plan under way is void; should the agent go on, it asks for a new one."""
    stale = case.plan_stale or case.plan_request is not None
    return case.model_copy(update={"assisted": True, "escalation": None, "plan_request": None, "plan_stale": stale})


@_after.register
def _(data: escalations.CaseHandedBack, case: Case, event: Event) -> Case:
    line = Line(author=data.expert, text=data.note)
    conversation = (*case.conversation, line) if data.note else case.conversation
    return case.model_copy(update={"conversation": conversation, "plan_stale": True, "spent": Spent(since=event.time)})


def _with(case: Case, changed: Trajectory) -> Case:
    trajectories = tuple(
        changed if trajectory.subtask.id == changed.subtask.id else trajectory for trajectory in case.trajectories
    )
    return case.model_copy(update={"trajectories": trajectories})


def load(state: bytes) -> Case:
    """The view as the mailbox keeps it, so that a long log need not be folded at every turn."""
    return Case.model_validate(orjson.loads(state))


def dump(case: Case) -> bytes:
    return orjson.dumps(case.model_dump(mode="json", exclude_defaults=True))
