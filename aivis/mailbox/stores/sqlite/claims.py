"""Which unsent rows of the outbox are with a publisher. One process has the file, so its memory is the place for it."""

import sqlite3
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from time import monotonic
from typing import Any

from aivis.mailbox.stores import rows
from aivis.mailbox.values import OutboxRow

_TENANTS = """
with recursive waiting(tenant) as (
  select (select tenant from outbox indexed by outbox_of_tenant where sent_at is null order by tenant limit 1)
  union all
  select (select o.tenant from outbox o indexed by outbox_of_tenant
          where o.sent_at is null and o.tenant > w.tenant order by o.tenant limit 1)
  from waiting w where w.tenant is not null
) select tenant from waiting where tenant is not null
"""
"""Jumps from one tenant in the index to the next."""
_UNSENT = (
    "select id, event_id, topic, key, headers, value from outbox indexed by outbox_of_tenant"
    " where sent_at is null and tenant = ? order by id"
)


class Claims:
    """The claims of this process: what is claimed is claimed again once its time has passed."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[str, float]] = {}
        """Key and end of the claim, by the row's id."""

    def make(self, connection: sqlite3.Connection, limit: int, seconds: float) -> list[OutboxRow]:
        """Claim up to `limit` rows, the tenants in turn; none while an earlier one of its key is claimed."""
        now = monotonic()
        self._made = {id: claim for id, claim in self._made.items() if claim[1] >= now}
        earliest: dict[str, int] = {}
        for id, (key, _) in self._made.items():
            earliest[key] = min(id, earliest.get(key, id))
        lines = [self._unsent(connection, tenant, earliest) for (tenant,) in connection.execute(_TENANTS).fetchall()]
        chosen = sorted([row for _, *row in islice(merge(*lines), limit)])
        found = [
            OutboxRow(id, event, topic, key, rows.unpack(head), value) for id, event, topic, key, head, value in chosen
        ]
        self.add(found, seconds)
        return found

    def _unsent(
        self, connection: sqlite3.Connection, tenant: str, earliest: dict[str, int]
    ) -> Iterator[tuple[Any, ...]]:
        """Rows of `tenant` that may be claimed, oldest first, each behind its place among them."""
        place = 0
        for id, event, topic, key, headers, value in connection.execute(_UNSENT, (tenant,)):
            if id not in self._made and earliest.get(key, id) >= id:
                place += 1
                yield place, id, event, topic, key, headers, value

    def add(self, rows: Iterable[OutboxRow], seconds: float) -> None:
        """Claim `rows`, which nobody claims."""
        until = monotonic() + seconds
        self._made |= {row.id: (row.key, until) for row in rows}

    def let_go(self, ids: Iterable[int]) -> list[int]:
        """End the claims on `ids`; those that were still claimed."""
        return [id for id in ids if self._made.pop(id, None) is not None]

    def let_all_go(self) -> int:
        """End all claims; how many there were."""
        count = len(self._made)
        self._made.clear()
        return count
