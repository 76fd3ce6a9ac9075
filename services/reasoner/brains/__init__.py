"""Brains: what decides a subtask's next move. Open first: thought.py."""
