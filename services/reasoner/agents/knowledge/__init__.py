"""Answers questions out of the knowledge: word for word and with sources, or 'not known' and an expert.

Open first: answering.py (how an answer is made), knowing.py (when there is none).
"""

from pathlib import Path

from aivis.events.actions import Origin, Purpose
from aivis.events.escalations import EscalationReason
from aivis.events.plans import AgentName
from services.reasoner.agents.agent import Agent, Problem
from services.reasoner.agents.knowledge.answering import Answer, answer, cited
from services.reasoner.agents.knowledge.asking import questions
from services.reasoner.agents.knowledge.found import found_in
from services.reasoner.brains.playbook.moves import Call, Calls, Finding, GiveUp, Move, Observation

SEARCH = "knowledge.search"
_HITS = 10


def _policy(problem: Problem) -> Move:
    asked = questions(str(problem.subtask.inputs.get("question") or problem.question))
    seen = {str(each.arguments.get("query")): each for each in problem.observations if each.tool == SEARCH}
    missing = [question for question in asked if question not in seen]
    if missing:
        return Move(Calls(tuple(map(_search, missing))), "Look for passages that answer the question.")
    failed = [each for each in seen.values() if each.result is None]
    if failed:
        return _give_up(EscalationReason.FAULT, f"The knowledge could not be searched: {failed[0].failure}", asked)
    return _concluded({question: seen[question] for question in asked}, problem.language)


def _search(question: str) -> Call:
    arguments = {"query": question, "limit": _HITS}
    origins = {"query": Origin.TEXT, "limit": Origin.MODULE}
    return Call(SEARCH, arguments, origins, Purpose.SEARCH)


def _concluded(seen: dict[str, Observation], language: str) -> Move:
    made = answer({question: found_in(each.result or {}) for question, each in seen.items()}, language)
    if isinstance(made, Answer):
        looked = tuple(f"Searched the knowledge for: {question}" for question in seen)
        reason = f"The passage '{made.citations[0].title}' answers the question (belief {made.belief:.2f})."
        return Move(Finding("", made.text, looked, made.citations), reason)
    nearest = tuple(f"Nearest passage: {cited(citation)}" for citation in made.nearest)
    return _give_up(EscalationReason.NOT_KNOWN, made.reason, tuple(seen), nearest)


def _give_up(why: EscalationReason, reason: str, asked: tuple[str, ...], nearest: tuple[str, ...] = ()) -> Move:
    tried = tuple(f"Searched the knowledge for: {question}" for question in asked)
    proposed = ("Answer the customer, and add the answer to the knowledge.",)
    return Move(GiveUp(why, reason, known=nearest, tried=tried, proposed=proposed), reason)


AGENT = Agent(
    AgentName.KNOWLEDGE,
    prompt=(Path(__file__).parent / "prompt.md").read_text(encoding="utf-8"),
    tools=("knowledge.",),
    policy=_policy,
)
