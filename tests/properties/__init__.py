"""State machines of hypothesis: the mailbox's store, the executor's ledger and approvals, each beside a plain model.

The machines are here; `tests/unit` plays them shortly and always the same, `tests/real` at length, on real databases.
"""
