"""What a mailbox store holds, in plain Python: what each call must answer, and what must be there after it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aivis.mailbox.values import Arrival, Key, Lease, OutboxRow, Receipt, Verdict, Write

FREE, EXPIRED, HELD = "free", "expired", "held"
PENDING, DONE, DEAD = "pending", "done", "dead"


@dataclass
class Inboxed:
    """A message; those of one firing of timers have one `place`: their order is not promised."""

    key: Key
    event_id: str
    value: bytes
    place: int
    fate: str = PENDING
    version: int | None = None
    """Of the key's step that did it."""


@dataclass
class Worked:
    """A key."""

    epoch: int = 0
    version: int = 0
    state: bytes | None = None
    label: str = ""
    lease: str = FREE
    deferred: bool = False
    attempts: int = 0


@dataclass
class Put:
    """A row of the outbox."""

    event_id: str
    by: Key
    version: int
    key: str
    sent: bool = False
    claim: str = FREE
    """Held, or expired: then it is another's, and who had it may still mark it."""


@dataclass
class Model:
    """The rows of one service. `one_process`: leases and claims end with the process."""

    one_process: bool
    inbox: dict[tuple[str, str], Inboxed] = field(default_factory=dict)
    keys: dict[Key, Worked] = field(default_factory=dict)
    outbox: list[Put] = field(default_factory=list)
    log: dict[Key, list[str]] = field(default_factory=dict)
    timers: dict[tuple[Key, str], tuple[str, bool]] = field(default_factory=dict)
    """Event id, and whether it is due."""
    holds: dict[tuple[str, str], str] = field(default_factory=dict)
    letters: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many letters there are of a buried message."""
    quarantined: int = 0
    places: int = 0

    def place(self) -> int:
        self.places += 1
        return self.places

    def pending(self, key: Key) -> list[Inboxed]:
        found = [each for each in self.inbox.values() if each.key == key and each.fate == PENDING]
        return sorted(found, key=lambda each: each.place)

    def leasable(self) -> dict[Key, tuple[int, int]]:
        """Keys that may be leased: which turn of its tenant it is, and its place; tenants take turns."""
        waiting = {each.key: self.pending(each.key)[0].place for each in self.inbox.values() if each.fate == PENDING}
        turns: dict[str, int] = {}
        found = {}
        for key in sorted(filter(self.free, waiting), key=lambda key: waiting[key]):
            turns[key.tenant] = turns.get(key.tenant, 0) + 1
            found[key] = turns[key.tenant], waiting[key]
        return found

    def free(self, key: Key) -> bool:
        worked = self.keys.get(key, Worked())
        return worked.lease != HELD and not worked.deferred

    def receive(self, arrivals: Sequence[Arrival]) -> tuple[list[Receipt], list[Key]]:
        """The receipts, and the keys that may be leased with them."""
        before = {key for key in {each.key for each in arrivals} if self.pending(key)}
        receipts = [self._receive(arrival) for arrival in arrivals]
        new = [each.key for each, receipt in zip(arrivals, receipts, strict=True) if receipt is Receipt.NEW]
        return receipts, [key for key in dict.fromkeys(new) if key not in before and self.free(key)]

    def _receive(self, arrival: Arrival) -> Receipt:
        known = self.inbox.get((arrival.key.tenant, arrival.event_id))
        if known is None:
            found = Inboxed(arrival.key, arrival.event_id, arrival.value, self.place())
            self.inbox[arrival.key.tenant, arrival.event_id] = found
            return Receipt.NEW
        if known.value != arrival.value:
            return Receipt.CONFLICT
        if arrival.reasked and known.version is not None:
            for row in self.outbox:
                if row.by == known.key and row.version >= known.version:
                    row.sent = False
        return Receipt.DUPLICATE

    def take(self, key: Key, *, seconds: float) -> Worked:
        worked = self.keys.setdefault(key, Worked())
        worked.epoch += 1
        worked.lease = HELD if seconds > 0 else EXPIRED
        return worked

    def renew(self, lease: Lease, *, seconds: float) -> bool:
        """Whether it is kept."""
        worked = self.keys[lease.key]
        kept = worked.epoch == lease.epoch and worked.lease != FREE
        if kept:
            worked.lease = HELD if seconds > 0 else EXPIRED
        return kept

    def defer(self, key: Key, epoch: int, *, later: bool, counts: bool) -> None:
        worked = self.keys[key]
        if worked.epoch == epoch:
            worked.lease, worked.deferred, worked.attempts = FREE, later, worked.attempts + counts

    def commit(self, write: Write) -> Verdict:
        """What must become of `write`; done with it when it is committed for the first time."""
        worked = self.keys[write.key]
        if (worked.epoch, worked.version) != (write.epoch, write.version):
            again = (worked.epoch, worked.version) == (write.epoch, write.version + 1)
            return Verdict.COMMITTED if again else Verdict.FENCED
        tenant, name = write.key
        if any((whose, hold) in self.holds for hold in write.unless for whose in (tenant, "*")):
            return Verdict.STOPPED
        if any(self.holds.get((tenant, hold), name) != name for hold in write.take):
            return Verdict.HELD
        self._write(worked, write)
        return Verdict.COMMITTED

    def _write(self, worked: Worked, write: Write) -> None:
        tenant, name = write.key
        worked.version += 1
        worked.state = worked.state if write.state is None else write.state
        worked.label = worked.label if write.label is None else write.label
        worked.attempts, worked.lease = 0, FREE if write.release else worked.lease
        self.holds |= {(tenant, hold): name for hold in write.take}
        for hold in write.free:
            if self.holds.get((tenant, hold)) == name:
                del self.holds[tenant, hold]
        self.log.setdefault(write.key, []).extend(row.event_id for row in write.log)
        for timer in write.timers:
            self.timers.pop((write.key, timer.name), None)
            if timer.after is not None:
                self.timers[write.key, timer.name] = timer.event_id, timer.after <= 0

    def over(self, key: Key, event_ids: Iterable[str], fate: str) -> None:
        """What a step of `key` did, or buried."""
        for event_id in event_ids:
            found = self.inbox[key.tenant, event_id]
            found.fate, found.version = fate, self.keys[key].version
            if fate == DEAD:
                self.letters[key.tenant, event_id] = self.letters.get((key.tenant, event_id), 0) + 1

    def fire(self) -> int:
        due = [(key, name, event_id) for (key, name), (event_id, ripe) in self.timers.items() if ripe]
        place = self.place()
        for key, name, event_id in due:
            del self.timers[key, name]
            self.inbox.setdefault((key.tenant, event_id), Inboxed(key, event_id, b"{}", place))
        return len(due)

    def claimable(self, limit: int) -> list[Put]:
        """In order, the tenants in turn; none while an earlier row of its key is claimed and not sent."""
        turns: dict[str, int] = {}
        found: list[tuple[int, int]] = []
        busy: set[str] = set()
        for place, row in enumerate(self.outbox):
            if row.claim == HELD:
                busy.add(row.key)
            elif not row.sent and row.key not in busy:
                turns[row.by.tenant] = turns.get(row.by.tenant, 0) + 1
                found.append((turns[row.by.tenant], place))
        return [self.outbox[place] for place in sorted(place for _, place in sorted(found)[:limit])]

    def claimed(self, rows: Sequence[Put], *, seconds: float) -> None:
        """A publisher has `rows`; of a process's own claims those that are over are forgotten now."""
        for row in self.outbox if self.one_process else ():
            if row.claim == EXPIRED:
                row.claim = FREE
        for row in rows:
            row.claim = HELD if seconds > 0 else EXPIRED

    def mark_sent(self, event_ids: Iterable[str]) -> None:
        for row in self._rows(event_ids):
            if row.claim != FREE:
                row.sent, row.claim = True, FREE

    def unclaim(self, event_ids: Iterable[str]) -> None:
        for row in self._rows(event_ids):
            row.sent, row.claim = False, FREE

    def _rows(self, event_ids: Iterable[str]) -> list[Put]:
        wanted = set(event_ids)
        return [row for row in self.outbox if row.event_id in wanted]

    def publish_again(self) -> int:
        again = [row for row in self.outbox if row.sent or row.claim != FREE]
        for row in again:
            row.sent, row.claim = False, FREE
        return len(again)

    def prune(self) -> int:
        """Everything that may be forgotten is old enough."""
        gone: list[Put] = []
        for row in self.outbox:
            if row.sent:
                gone.append(row)
            elif self.one_process:
                break  # SQLite forgets from the oldest on
        self.outbox = [row for row in self.outbox if row not in gone]
        done = [id for id, each in self.inbox.items() if each.fate == DONE]
        for id in done:
            del self.inbox[id]
        return len(gone) + len(done)

    def retry(self, tenant: str, event_id: str) -> None:
        """Its letter is out, and it waits again; its key is given all its time."""
        del self.letters[tenant, event_id]
        found = self.inbox[tenant, event_id]
        if found.fate == DEAD:
            found.fate, found.version = PENDING, None
        if worked := self.keys.get(found.key):
            worked.attempts, worked.deferred = 0, False

    def drop(self, tenant: str, event_id: str) -> None:
        del self.letters[tenant, event_id]
        found = self.inbox[tenant, event_id]
        if found.fate == DEAD:
            found.fate = DONE

    def crash(self) -> None:
        if self.one_process:
            for worked in self.keys.values():
                worked.lease, worked.deferred = FREE, False
            for row in self.outbox:
                row.claim = FREE

    def put(self, rows: Sequence[OutboxRow], by: Key, version: int) -> list[Put]:
        """Rows of a committed write."""
        added = [Put(row.event_id, by, version, row.key) for row in rows]
        self.outbox += added
        return added
