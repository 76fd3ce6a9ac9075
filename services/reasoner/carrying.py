"""From a brain's move to what the case's log says of it."""

from aivis.events.actions import ActionRequested
from aivis.events.cases import DecisionKind, DecisionMade, SubtaskEnded
from services.reasoner.brains.playbook.moves import Ask, Call, Calls, Finding, GiveUp, Solved
from services.reasoner.brains.thought import Thought
from services.reasoner.case import Trajectory
from services.reasoner.draft import Draft
from services.reasoner.ending import ask


def carry_out(draft: Draft, trajectory: Trajectory, thought: Thought) -> None:
    move, subtask = thought.move, trajectory.subtask
    match move.next:
        case Calls(calls):
            actions = tuple(_action(draft, trajectory, call, n) for n, call in enumerate(calls))
            _decide(draft, thought, DecisionKind.CALL_TOOLS, subtask.id, actions)
        case Ask(missing, questions):
            _decide(draft, thought, DecisionKind.ASK, subtask.id)
            ask(draft, questions or missing)
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
