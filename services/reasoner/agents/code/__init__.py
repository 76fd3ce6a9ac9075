"""Would write and run code over tools' results in a sandbox; not enabled in this release."""

from aivis.events.escalations import EscalationReason
from aivis.events.plans import AgentName
from services.reasoner.agents.agent import Agent, Problem
from services.reasoner.brains.playbook.moves import GiveUp, Move


def _policy(problem: Problem) -> Move:
    reason = "The code agent is not enabled in this release: a person must work on this part."
    return Move(GiveUp(EscalationReason.OUT_OF_SCOPE, reason, proposed=(problem.subtask.goal,)), reason)


AGENT = Agent(AgentName.CODE, prompt="", tools=(), policy=_policy)
