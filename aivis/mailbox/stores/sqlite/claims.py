"""Which unsent rows of the outbox are with a publisher. One process has the file, so its memory is the place for it."""

import sqlite3
from collections.abc import Iterable
from time import monotonic

from aivis.mailbox.stores import rows
from aivis.mailbox.values import OutboxRow

_UNSENT = (
    "select id, event_id, topic, key, headers, value from outbox indexed by outbox_unsent"
    " where sent_at is null order by id"
)


class Claims:
    """The claims of this process: what is claimed is claimed again once its time has passed."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[str, float]] = {}
        """Key and end of the claim, by the row's id."""

    def make(self, connection: sqlite3.Connection, limit: int, seconds: float) -> list[OutboxRow]:
        """Claim up to `limit` rows; none while an earlier one of its key is claimed."""
        now = monotonic()
        self._made = {id: claim for id, claim in self._made.items() if claim[1] >= now}
        earliest: dict[str, int] = {}
        for id, (key, _) in self._made.items():
            earliest[key] = min(id, earliest.get(key, id))
        found = []
        for id, event, topic, key, headers, value in connection.execute(_UNSENT):
            if id not in self._made and earliest.get(key, id) >= id:
                found.append(OutboxRow(id, event, topic, key, rows.unpack(headers), value))
                if len(found) == limit:
                    break
        self.add(found, seconds)
        return found

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
