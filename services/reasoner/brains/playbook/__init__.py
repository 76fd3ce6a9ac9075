"""The playbook brain: decides without a model, by the modules and what the tools have answered so far.

Pure functions: the subtask, the modules and the observations go in, the next move comes out, the same every time.
Diagnosis is decision-theoretic troubleshooting: belief over causes, the check that tells most for its cost, the remedy
of the highest expected utility, a fresh look after it, and the way back when it did not help. Operations are
procedures, step by step.
Open first: deciding.py.
"""
