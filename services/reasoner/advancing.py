"""What happens next in a case: ask for a plan, let agents work on subtasks, reply, hand over, resolve."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson

from aivis import identity
from aivis.artifacts import ArtifactStore
from aivis.events.actions import ActionFinished, ActionRequested, FailureKind, Origin, Purpose
from aivis.events.cases import DecisionKind, DecisionMade, ModelResponded, SubtaskEnded
from aivis.events.envelope import JsonObject
from aivis.events.escalations import CaseEscalated, EscalationReason, Summary
from aivis.events.plans import Plan, PlanRequested, Route, Scenario, Subtask
from aivis.events.replies import Outcome, OutcomeReached, ReplyKind, ReplySent, Status, StatusChanged
from aivis.modules.library import Library
from services.reasoner import words
from services.reasoner.agents.agent import Problem
from services.reasoner.brains.playbook.moves import Ask, Call, Calls, Finding, GiveUp, Observation, Solved
from services.reasoner.brains.thought import Brain, Thought
from services.reasoner.case import AGENT, Attempt, Case, Trajectory, Waiting
from services.reasoner.draft import Draft
from services.reasoner.guards import Budget, limit_reached

RULES = "rules"
"""The brain of decisions that need none: routing, limits, the end of a case."""

Persist = Callable[[], Awaitable[None]]
"""Makes what the draft holds so far durable."""


@dataclass(frozen=True)
class Means:
    """What the reasoner decides with."""

    library: Library
    brain: Brain
    budget: Budget
    artifacts: ArtifactStore
    """Where results are that travel by reference."""


async def advance(draft: Draft, means: Means, persist: Persist) -> None:
    """Decide until the case waits for something."""
    while _ours(draft.case) and await _advanced(draft, means, persist):
        pass


def _ours(case: Case) -> bool:
    """Whether the agent is to act: nobody else owns the case, and it has not ended."""
    return not case.ended and case.owner == AGENT and case.escalation is None


async def _advanced(draft: Draft, means: Means, persist: Persist) -> bool:
    """Take one step; False when the case waits."""
    case = draft.case
    if case.plan_stale:
        return _request_plan(draft, means)
    if case.plan is None or case.plan_request is not None or case.status is Status.WAITING_FOR_CUSTOMER:
        return False
    if case.plan.route is not Route.AGENT:
        return _pass_on(draft, case.plan, means.library)
    ready = [trajectory for trajectory in case.trajectories if _ready(case, trajectory)]
    if ready:
        return await _work(draft, means, ready[0], persist)
    if all(trajectory.ended for trajectory in case.trajectories):
        return _finish(draft)
    return False


def _pass_on(draft: Draft, plan: Plan, library: Library) -> bool:
    """The plan is not for the agent: an expert decides, or the customer is asked."""
    if plan.route is Route.EXPERT:
        return give_to_person(draft, _route_reason(draft.case), plan.reason)
    draft.say_why(DecisionKind.ASK, RULES, plan.reason)
    return _ask(draft, tuple(_question(name, library) for name in plan.missing))


def _question(name: str, library: Library) -> str:
    """How the customer is asked for the input `name`."""
    known = library.inputs.get(name)
    return known.ask if known is not None and known.ask else name.replace("_", " ").capitalize() + "?"


def _ready(case: Case, trajectory: Trajectory) -> bool:
    """Neither ended nor waiting, and all that it builds on is solved or ended."""
    ended = {t.subtask.id for t in case.trajectories if t.ended is not None}
    return trajectory.ended is None and not trajectory.waiting and ended.issuperset(trajectory.subtask.after)


def _request_plan(draft: Draft, means: Means) -> bool:
    case = draft.case
    limit = limit_reached(case, means.budget, draft.now)
    if limit is not None:
        draft.record(limit)
        return give_to_person(draft, EscalationReason.BUDGET, limit.detail)
    draft.say_why(DecisionKind.REQUEST_PLAN, RULES, "A plan is needed for what was said.")
    inputs = {name: value for guidance in case.guidance for name, value in guidance.inputs.items()}
    draft.record(
        PlanRequested(
            request=draft.step_id("plan-request"),
            subject=case.ticket.subject,
            text=case.text,
            attributes=case.ticket.attributes,
            customer=case.ticket.customer,
            facts={**case.facts, **inputs},
            guidance=tuple(_guidance(g.text, g.module) for g in case.guidance),
            current=case.plan,
        )
    )
    _status(draft, Status.WORKING)
    return False


def _guidance(text: str, module: str) -> str:
    return f"{text} [module: {module}]" if module else text


async def _work(draft: Draft, means: Means, trajectory: Trajectory, persist: Persist) -> bool:
    """Let the subtask's agent decide, and carry its decision out."""
    limit = limit_reached(draft.case, means.budget, draft.now)
    if limit is not None:
        draft.record(limit)
        return give_to_person(draft, EscalationReason.BUDGET, limit.detail)
    case = draft.case
    done = [attempt for attempt in trajectory.attempts if attempt.waits_for is None]
    problem = Problem(
        subtask=trajectory.subtask,
        observations=tuple([await _observation(case.tenant, attempt, means.artifacts) for attempt in done]),
        library=means.library,
        question=case.text,
        language=case.language,
        origins=_origins(case, trajectory.subtask),
        guidance=tuple(guidance.text for guidance in case.guidance if guidance.text),
        tokens_left=means.budget.tokens - case.spent.tokens,
    )

    async def record(response: ModelResponded) -> None:
        draft.record(response)
        await persist()

    thought = await means.brain.decide(problem, trajectory.response, record)
    _carry_out(draft, trajectory, thought)
    return True


def _origins(case: Case, subtask: Subtask) -> dict[str, Origin]:
    """Inputs whose value is what an expert gave."""
    given = {name: value for guidance in case.guidance for name, value in guidance.inputs.items()}
    return {name: Origin.EXPERT for name, value in subtask.inputs.items() if given.get(name) == value}


async def _observation(tenant: str, attempt: Attempt, artifacts: ArtifactStore) -> Observation:
    action, failed = attempt.action, attempt.failed
    return Observation(
        tool=action.tool,
        arguments=action.arguments,
        result=await _result(tenant, attempt.finished, artifacts),
        failure=failed.message if failed else "",
        purpose=action.purpose,
        module=action.module,
        action=action.action,
        forbidden=failed is not None and failed.kind is FailureKind.FORBIDDEN,
        undoes=action.undoes,
        origins=action.origins,
    )


async def _result(tenant: str, finished: ActionFinished | None, artifacts: ArtifactStore) -> JsonObject | None:
    if finished is None:
        return None
    if finished.result_artifact is None:
        return finished.result
    found: JsonObject = orjson.loads(await artifacts.get(tenant, finished.result_artifact))
    return found


def _carry_out(draft: Draft, trajectory: Trajectory, thought: Thought) -> None:
    move, subtask = thought.move, trajectory.subtask
    match move.next:
        case Calls(calls):
            actions = tuple(_action(draft, trajectory, call, n) for n, call in enumerate(calls))
            _decide(draft, thought, DecisionKind.CALL_TOOLS, subtask.id, actions)
        case Ask(missing, questions):
            _decide(draft, thought, DecisionKind.ASK, subtask.id)
            _ask(draft, questions or missing)
        case Solved(module, finding):
            _decide(draft, thought, DecisionKind.RESOLVE, subtask.id)
            draft.record(SubtaskEnded(subtask=subtask.id, solved=True, fault=module, finding=finding))
        case Finding(module, finding, checked, citations):
            _decide(draft, thought, DecisionKind.RESOLVE, subtask.id)
            draft.record(
                SubtaskEnded(
                    subtask=subtask.id, solved=True, fault=module, finding=finding, known=checked, citations=citations
                )
            )
        case GiveUp() as end:
            _decide(draft, thought, DecisionKind.ESCALATE, subtask.id)
            draft.record(
                SubtaskEnded(
                    subtask=subtask.id, solved=False, fault=end.module, finding=end.reason, reason=end.why,
                    known=end.known, tried=end.tried, proposed=end.proposed,
                )
            )  # fmt: skip


def _decide(
    draft: Draft, thought: Thought, kind: DecisionKind, subtask: str, actions: tuple[ActionRequested, ...] = ()
) -> None:
    draft.decide(
        DecisionMade(
            kind=kind,
            brain=thought.brain,
            reason=thought.move.reason,
            subtask=subtask,
            hypotheses=thought.move.hypotheses[:5],
            actions=actions,
        )
    )


def _action(draft: Draft, trajectory: Trajectory, call: Call, ordinal: int) -> ActionRequested:
    return ActionRequested(
        action=draft.step_id("action", ordinal),
        subtask=trajectory.subtask.id,
        agent=trajectory.subtask.agent,
        tool=call.tool,
        arguments=call.arguments,
        origins=call.origins,
        purpose=call.purpose,
        customer=draft.case.ticket.customer,
        module=call.module,
        undoes=call.undoes,
        delay=call.delay,
        autonomy=call.autonomy,
    )


def _ask(draft: Draft, questions: tuple[str, ...]) -> bool:
    """Ask the customer, and wait."""
    language = draft.case.language
    draft.record(ReplySent(kind=ReplyKind.QUESTION, text=words.question(questions, language), language=language))
    _status(draft, Status.WAITING_FOR_CUSTOMER)
    return False


def _finish(draft: Draft) -> bool:
    """All subtasks ended: answer, or hand over what is left."""
    case = draft.case
    unsolved = [t.ended for t in case.trajectories if t.ended is not None and not t.ended.solved]
    if unsolved or not case.trajectories:
        first = unsolved[0] if unsolved else None
        reason = (first.reason if first else None) or EscalationReason.NO_FAULT_FOUND
        return give_to_person(draft, reason, first.finding if first else "The plan has no subtask.")
    draft.say_why(DecisionKind.REPLY, RULES, "Every part of the ticket is done.")
    citations = tuple(c for t in case.trajectories if t.ended for c in t.ended.citations)
    text = words.answer(case.trajectories, case.language)
    draft.record(ReplySent(kind=ReplyKind.ANSWER, text=text, language=case.language, citations=citations))
    outcome = Outcome.FIXED if any(map(_changed, case.trajectories)) else Outcome.ANSWERED
    summary = " ".join(t.ended.finding for t in case.trajectories if t.ended)
    draft.record(OutcomeReached(outcome=outcome, summary=summary, independent=not case.assisted))
    _status(draft, Status.RESOLVED)
    return False


def _changed(trajectory: Trajectory) -> bool:
    """Whether something was mended or carried out, not only looked at."""
    return any(attempt.action.purpose is Purpose.REMEDY and attempt.finished for attempt in trajectory.attempts)


def _route_reason(case: Case) -> EscalationReason:
    plan = case.plan
    reserved = plan is not None and any(subtask.intent == "reserved" for subtask in plan.subtasks)
    if reserved or (plan is not None and plan.classification.scenario is Scenario.OPERATIONAL):
        return EscalationReason.RESERVED
    return EscalationReason.OUT_OF_SCOPE


def give_to_person(draft: Draft, reason: EscalationReason, why: str) -> bool:
    """Escalate with a summary, tell the customer, and wait for a person."""
    case = draft.case
    draft.say_why(DecisionKind.ESCALATE, RULES, why)
    draft.record(
        CaseEscalated(
            escalation=identity.step_id(case.id, draft.case.sequence + 1, "escalation"),
            reason=reason,
            summary=summary(case, why),
            skill=_skill(case),
            customer=case.ticket.customer,
            language=case.language,
        )
    )
    text = words.hand_over(case.trajectories, case.language)
    draft.record(ReplySent(kind=ReplyKind.PROGRESS, text=text, language=case.language))
    _status(draft, Status.WAITING_FOR_EXPERT)
    return False


def _skill(case: Case) -> str:
    """Who should look at it: the first unsolved subtask's intent, or general."""
    return next((t.subtask.intent for t in case.trajectories if not (t.ended and t.ended.solved)), "general")


def summary(case: Case, why: str) -> Summary:
    """What the expert need not find out again."""
    ended = [t.ended for t in case.trajectories if t.ended is not None]
    done = [attempt for t in case.trajectories for attempt in t.attempts if attempt.waits_for is None]
    tried = tuple(_tried(attempt) for attempt in done if attempt.action.purpose in (Purpose.REMEDY, Purpose.UNDO))
    return Summary(
        problem=f"{case.ticket.subject}: {why}" if case.ticket.subject else why,
        known=tuple(known for end in ended for known in ((end.finding, *end.known) if end.solved else end.known)),
        tried=tuple(dict.fromkeys([*(t for end in ended for t in end.tried), *tried])),
        proposed=tuple(proposed for end in ended for proposed in end.proposed),
    )


def _tried(attempt: Attempt) -> str:
    outcome = "done" if attempt.finished else f"failed: {attempt.failed.message}" if attempt.failed else "?"
    arguments = ", ".join(f"{name}={value}" for name, value in attempt.action.arguments.items())
    return f"{attempt.action.tool}({arguments}): {outcome}"


def waits_for_person(case: Case) -> bool:
    """Whether an action waits for an expert's word."""
    return any(attempt.waits_for in (Waiting.APPROVAL, Waiting.SETTLEMENT) for attempt in case.waiting)


def _status(draft: Draft, status: Status) -> None:
    if draft.case.status is not status:
        draft.record(StatusChanged(status=status))
