"""What happens next in a case: ask for a plan, let agents work on subtasks, reply, hand over, resolve."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import orjson

from aivis.artifacts import ArtifactStore
from aivis.events.actions import ActionFinished, FailureKind, Origin
from aivis.events.cases import DecisionKind
from aivis.events.envelope import JsonObject
from aivis.events.escalations import EscalationReason
from aivis.events.plans import Plan, PlanRequested, Route, Scenario, Subtask
from aivis.events.replies import Status
from aivis.modules.library import Library
from services.reasoner.agents.agent import Problem
from services.reasoner.brains.playbook.moves import Observation
from services.reasoner.brains.thought import Brain
from services.reasoner.carrying import carry_out
from services.reasoner.case import Attempt, Case, Trajectory
from services.reasoner.deadlines import Patience
from services.reasoner.draft import Draft
from services.reasoner.ending import RULES, ask, change_status, finish, give_to_person
from services.reasoner.guards import Budget, limit_reached
from services.reasoner.reminders import FIRST
from services.reasoner.spending import CaseAccount

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
    remind: timedelta = FIRST
    """How long an answer may take before it is asked for again."""
    patience: Patience = field(default_factory=Patience)


async def advance(draft: Draft, means: Means, persist: Persist) -> None:
    """Decide until the case waits for something."""
    while draft.case.ours and await _advanced(draft, means, persist):
        pass


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
        return finish(draft)
    return _waits(draft)


def _waits(draft: Draft) -> bool:
    """Nothing can be begun: an action is waited for, or nothing ever will be."""
    if draft.case.waiting:
        return False
    return give_to_person(draft, EscalationReason.FAULT, "The plan's subtasks wait for each other.")


def _pass_on(draft: Draft, plan: Plan, library: Library) -> bool:
    """The plan is not for the agent: an expert decides, or the customer is asked."""
    if plan.route is Route.EXPERT:
        return give_to_person(draft, _route_reason(draft.case), plan.reason)
    draft.say_why(DecisionKind.ASK, RULES, plan.reason)
    return ask(draft, tuple(_question(name, library) for name in plan.missing))


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
    change_status(draft, Status.WORKING)
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
        tenant=case.tenant,
    )
    account = CaseAccount(draft, trajectory.subtask.id, means.budget, persist)
    thought = await means.brain.decide(problem, trajectory.response, account)
    carry_out(draft, trajectory, thought)
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
        lasting=failed is not None and failed.kind in (FailureKind.NOT_FOUND, FailureKind.INVALID),
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


def _route_reason(case: Case) -> EscalationReason:
    plan = case.plan
    if plan is not None and plan.failed:
        return EscalationReason.FAULT
    reserved = plan is not None and any(subtask.intent == "reserved" for subtask in plan.subtasks)
    if reserved or (plan is not None and plan.classification.scenario is Scenario.OPERATIONAL):
        return EscalationReason.RESERVED
    return EscalationReason.OUT_OF_SCOPE
