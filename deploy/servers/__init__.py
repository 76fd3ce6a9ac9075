"""Real servers on this machine, for tests and for `make demo-real`: Kafka, PostgreSQL, Weaviate, Prometheus.

`python -m deploy.servers up` fetches what is missing into a cache that all clones share, starts one of each on free
loopback ports and writes their addresses to `.servers/env`. Standard library only: it runs before `make setup`.
Open first: lifecycle.py, then one file a server.
"""
