"""The cloud domain's demo: a practice world, its customers, an expert, and a judge that no service knows.

Open first: play.py.
"""
