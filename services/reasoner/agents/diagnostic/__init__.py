"""Finds what is wrong, mends it and looks again."""

from pathlib import Path

from aivis.events.plans import AgentName
from services.reasoner.agents.agent import Agent, Problem
from services.reasoner.brains.playbook.deciding import decide
from services.reasoner.brains.playbook.moves import Move


def _policy(problem: Problem) -> Move:
    return decide(problem.subtask, problem.library, problem.observations, origins=problem.origins)


AGENT = Agent(
    AgentName.DIAGNOSTIC,
    prompt=(Path(__file__).parent / "prompt.md").read_text(encoding="utf-8"),
    tools=("",),
    policy=_policy,
)
