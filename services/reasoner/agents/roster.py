"""The agents, by the name that a plan's subtask gives."""

from aivis.events.plans import AgentName
from services.reasoner.agents import code, diagnostic, knowledge, operations
from services.reasoner.agents.agent import Agent

AGENTS: dict[AgentName, Agent] = {
    module.AGENT.name: module.AGENT for module in (knowledge, diagnostic, operations, code)
}
