"""Where people guide the agent: what it hands over, what it may do only with their word, and what they say.

Consumes aivis.escalations, aivis.results (what waits for a person), aivis.case-events. Produces aivis.guidance,
aivis.approvals, aivis.feedback. Serves experts by HTTP: an API under /v1, and pages.
Open first: entry.py (a case as experts see it), desk.py (what they may do, and what comes of it).
"""
