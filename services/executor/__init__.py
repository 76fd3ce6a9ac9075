"""Acts: calls tools, once, when policy and people allow it, and records what came of it.

Consumes aivis.actions, aivis.approvals. Produces aivis.results. Calls tool servers (Tools) and the retriever
(Knowledge) by gRPC. Serves the catalogue of tools, the effect ledger, the stop switch and freezes by HTTP.
Open first: ledger.py (the states of an action), then acting.py (what moves it from one to the next).
"""
