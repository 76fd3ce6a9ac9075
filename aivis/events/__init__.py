"""Every event of Aivis, one module a subject.

Open first: envelope.py (how an event travels), then the subject: tickets, plans, actions, cases, replies,
escalations, knowledge. Which topic carries which is said in `aivis.topics`.
"""
