"""Speed and memory, each beside the machine's own limit measured in the same run: `python -m benchmarks`.

Figures: hop (one event through a service's mailbox), cases (one case through all services), waiting (1,000 cases that
wait for a slow tool), idle (the embedded stack with nothing to do). On the embedded stack, and where AIVIS_TEST_KAFKA
and AIVIS_TEST_POSTGRES name servers, on those too. CPU time, not wall time: other work on the machine spoils it less.
Open first: hop/measuring.py.
"""
