"""Cases as an expert may see them: those of the tenants that the key names, and no others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from aivis.access import Grant
from aivis.errors import NotFound
from aivis.events import registry
from aivis.events.envelope import Event
from aivis.mailbox.ports import Store
from aivis.mailbox.values import Key, Snapshot
from services.escalation import entry
from services.escalation.consumer import action_name
from services.escalation.entry import Entry, Place

_MOST_STEPS = 5_000


@dataclass(frozen=True)
class Case:
    """A case as it is now."""

    key: Key
    version: int
    changed_at: datetime
    entry: Entry

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        return cls(snapshot.key, snapshot.version, snapshot.updated_at, entry.load(snapshot.state))


async def find(store: Store, who: Grant, case: str) -> Case:
    """The case, when it is of a tenant that the expert may see."""
    for tenant in who.tenants:
        snapshot = await store.read(Key(tenant, case))
        if snapshot is not None and snapshot.state is not None:
            return Case.of(snapshot)
    raise NotFound(f"there is no case {case!r} of {', '.join(who.tenants)}")


async def find_action(store: Store, who: Grant, action: str) -> Case:
    """The case whose action waits, or waited, for a person."""
    name = action_name(action)
    for tenant, held, case in await store.holds(prefix=name):
        if held == name and tenant in who.tenants:
            return await find(store, who, case)
    raise NotFound(f"no action {action!r} of {', '.join(who.tenants)} waits for a person")


async def queue(store: Store, who: Grant, places: Sequence[Place], *, limit: int) -> list[Case]:
    """Cases in those places: who is overdue comes first, then who waits, each the longest first.

    Those that wait for nobody follow, latest change first.
    """
    found: list[Case] = []
    for tenant in who.tenants:
        snapshots = await store.find(tenant=tenant, labels=[place.value for place in places], limit=limit)
        found += [Case.of(snapshot) for snapshot in snapshots if snapshot.state is not None]
    waiting = [case for case in found if case.entry.waits_since or case.entry.late]
    others = [case for case in found if not (case.entry.waits_since or case.entry.late)]
    waiting.sort(key=_urgency)
    others.sort(key=lambda case: case.changed_at, reverse=True)
    return [*waiting, *others][:limit]


def _urgency(case: Case) -> tuple[bool, datetime]:
    late = case.entry.late
    return late is None, late.since if late is not None else case.entry.waits_since or case.changed_at


async def log_of(store: Store, key: Key) -> list[Event]:
    """The case's whole log, up to 5,000 entries."""
    found: list[Event] = []
    while len(found) < _MOST_STEPS:
        rows = await store.log(key, after=len(found), limit=500)
        found += [registry.decode(row.headers, row.value, where=f"log of {key.name}") for row in rows]
        if len(rows) < 500:
            break
    return found
