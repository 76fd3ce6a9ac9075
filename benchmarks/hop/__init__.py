"""One hop: consume, inbox, decide nothing, outbox, publish; and beside it what no durable hop can do without.

Three processes, so that each one's CPU time is its own: `sender` publishes events, `service` is a whole service with
the real mailbox and bus, `relay` is bare aiokafka on the same broker. The bare group commit runs in this one.
"""
