"""Speed and memory, each beside the machine's own limit measured in the same run: `python -m benchmarks`.

Figure: hop (one event through a service's mailbox). On the embedded stack, and where AIVIS_TEST_KAFKA
and AIVIS_TEST_POSTGRES name servers, on those too. CPU time, not wall time: other work on the machine spoils it less.
Open first: hop/measuring.py.
"""
