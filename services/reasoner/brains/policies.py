"""The brain without a model: each agent's own policy, over the playbook's modules."""

from aivis.events.cases import ModelResponded
from services.reasoner.agents.agent import Problem
from services.reasoner.agents.roster import AGENTS
from services.reasoner.brains.thought import Account, Thought

NAME = "playbook"


class Playbook:
    """Decides by the agents' policies."""

    async def decide(self, problem: Problem, response: ModelResponded | None, account: Account) -> Thought:
        return Thought(AGENTS[problem.subtask.agent].policy(problem), NAME)
