"""The agents that cooperate on a case, a folder each: a prompt, a toolset and a control policy. Open first: agent.py."""
