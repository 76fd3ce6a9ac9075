"""The agents that cooperate on a case, a folder each: prompt, toolset, control policy. Open first: agent.py."""
