"""How a case leaves the agent's hands: an answer, a question to the customer, a person."""

from aivis import identity
from aivis.events.actions import Purpose
from aivis.events.cases import DecisionKind
from aivis.events.escalations import CaseEscalated, EscalationReason, Summary
from aivis.events.replies import Outcome, OutcomeReached, ReplyKind, ReplySent, Status, StatusChanged
from services.reasoner import words
from services.reasoner.case import Attempt, Case, Trajectory
from services.reasoner.draft import Draft

RULES = "rules"
"""The brain of decisions that need none: routing, limits, the end of a case."""


def ask(draft: Draft, questions: tuple[str, ...]) -> bool:
    """Ask the customer, and wait."""
    language = draft.case.language
    draft.record(ReplySent(kind=ReplyKind.QUESTION, text=words.question(questions, language), language=language))
    change_status(draft, Status.WAITING_FOR_CUSTOMER)
    return False


def finish(draft: Draft) -> bool:
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
    change_status(draft, Status.RESOLVED)
    return False


def _changed(trajectory: Trajectory) -> bool:
    """Whether something was mended or carried out, not only looked at."""
    return any(attempt.action.purpose is Purpose.REMEDY and attempt.finished for attempt in trajectory.attempts)


def give_to_person(draft: Draft, reason: EscalationReason, why: str) -> bool:
    """Escalate with a summary, tell the customer unless that was done before, and wait for a person."""
    case, handed_over = draft.case, draft.case.escalation is not None
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
    if not handed_over:
        text = words.hand_over(case.trajectories, case.language)
        draft.record(ReplySent(kind=ReplyKind.PROGRESS, text=text, language=case.language))
    change_status(draft, Status.WAITING_FOR_EXPERT)
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


def change_status(draft: Draft, status: Status) -> None:
    if draft.case.status is not status:
        draft.record(StatusChanged(status=status))
