"""Arguments and results of the cloud's tools, one module per kind of thing.

Flat, JSON-friendly, snake_case: the conditions of atomic modules read them as they are.
"""
