"""Answers 'what do we know about this?'.

Consumes aivis.knowledge (documents published and withdrawn). Produces nothing. Serves Knowledge by gRPC. Calls
Weaviate, when one is set; else it keeps the index itself.
Open first: indexing.py, then passages.py (how documents are cut) and ranking.py (how passages are found).
"""
