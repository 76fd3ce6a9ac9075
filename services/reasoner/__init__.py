"""Owns the case: decides what happens next, and touches nothing but its own database, the artifact store and the model.

Consumes aivis.tickets, aivis.plans, aivis.results, aivis.guidance. Produces aivis.plan-requests, aivis.actions,
aivis.replies, aivis.escalations, aivis.case-events. Serves cases by HTTP. Calls the model, when one is set.
Open first: case.py (what a case is), advancing.py (what happens next).
"""
