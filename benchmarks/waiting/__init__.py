"""A thousand cases that wait for a slow tool, in one reasoner process: what memory they take, and whether it grows.

The reasoner is the real one, a process of its own; planner and executor are played by `world`, which answers plan
requests at once, and actions when the measurement is over.
"""
