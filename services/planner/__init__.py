"""Answers 'what does this ticket want, and who does what about it?'.

Consumes aivis.plan-requests. Produces aivis.plans. Calls nothing: the domain's own words, patterns and examples are
read from its folder, and a small classifier is trained on them. It keeps no state of cases.
Open first: planning.py (from a request to a plan), then domain.py (what a platform team writes).
"""
