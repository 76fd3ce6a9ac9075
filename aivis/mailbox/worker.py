"""The worker: lets messages in, leases keys, and has a turn taken at each. One task a key, hundreds at once."""

import asyncio
from collections import Counter
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic

import structlog

from aivis.errors import Transient
from aivis.mailbox.limits import Limits
from aivis.mailbox.ports import Store
from aivis.mailbox.turn import Handler
from aivis.mailbox.turning import Turns
from aivis.mailbox.values import Arrival, Deferral, Key, Lease, Receipt, Rooms
from aivis.places import room

log = structlog.get_logger()

_LEASED_AT_ONCE = 250
_PATIENCE_SECONDS = 0.05
_LOOK_SECONDS = 0.05
"""In which another process may have let in more for a key that we were at."""


class Worker:
    """Works through the inbox of one service."""

    def __init__(self, service: str, store: Store, handler: Handler, limits: Limits, turns: Turns) -> None:
        self._service = service
        self._store = store
        self._handler = handler
        self._limits = limits
        self._turns = turns
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._leases: dict[Key, Lease] = {}
        self._by_tenant: Counter[str] = Counter()
        """Keys worked on."""
        self._at_bound: set[str] = set()
        """Tenants that may have keys waiting for which they have no room."""
        self._letting_go: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._followed: set[Key] = set()
        """Keys for which messages came while we were at them."""
        self._looking: asyncio.TimerHandle | None = None
        self._open = False
        """Whether turns may begin."""
        self._behind = True
        """Whether keys may wait in the inbox that nobody works on."""

    def wake(self) -> None:
        """There may be something to lease."""
        self._wake.set()

    def interrupt(self, keys: Iterable[Key]) -> None:
        """Cancel turns under way that newer messages made stale; they start anew with all messages."""
        for key in keys:
            task = self._tasks.get(key)
            if task is not None:
                task.cancel()

    async def run(self) -> None:
        """Lease and work until cancelled."""
        self._open = True
        try:
            while True:
                self._wake.clear()
                full = await self._lease()
                if not full:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._limits.poll_seconds):  # wait_for may swallow a cancellation
                            await self._wake.wait()
        finally:
            self._open = False

    @property
    def in_flight(self) -> int:
        """Keys worked on now."""
        return len(self._tasks)

    async def receive(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        """Let `arrivals` into the inbox, and begin at once with what can be: nobody who waits is overtaken."""
        limits = self._limits
        await self._short_wait_for(Counter([each.key.tenant for each in arrivals]))
        most = self._room(0) if self._open and not self._behind else 0
        rooms = self._rooms(nothing_for=self._at_bound)
        taking = self._store.receive(
            arrivals, most, seconds=limits.lease_seconds, messages=limits.messages, rooms=rooms
        )
        receipts, leases = await self._whole(taking)
        new = [arrival for arrival, receipt in zip(arrivals, receipts, strict=True) if receipt is Receipt.NEW]
        followed = [each for each in new if each.key in self._tasks]
        self._followed |= {each.key for each in followed}
        self.interrupt(each.key for each in followed if self._handler.interrupts(_type(each)))
        await self._begin(leases)
        if sum(len(lease.messages) for lease in leases) < len(new):
            self.wake()
        return receipts

    async def _short_wait_for(self, counts: Mapping[str, int]) -> None:
        """Wait a moment for turns under way: most last no longer, and what is leased on receipt is not read again."""
        until = monotonic() + _PATIENCE_SECONDS
        most = room(self._limits.in_flight, 0, self._limits.tenant_share)
        wanted = {tenant: min(count, most) for tenant, count in counts.items()}
        while self._open and (self._behind or not self._has_room(wanted)) and monotonic() < until:
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(until - monotonic()):
                    await self._moved.wait()

    def _has_room(self, wanted: Mapping[str, int]) -> bool:
        return all(self._room(self._by_tenant[tenant]) >= count for tenant, count in wanted.items())

    async def _begin(self, leases: Sequence[Lease]) -> None:
        """Start a turn at each; give them back when we have ended meanwhile."""
        if not self._open:
            await self._give_back(leases)
            return
        for lease in leases:
            self._start(lease)

    async def _give_back(self, leases: Sequence[Lease]) -> None:
        if leases:
            back = [Deferral(each.key, each.epoch, 0, "interrupted", counts=False) for each in leases]
            with suppress(Transient):
                await self._store.defer(back)

    async def _lease(self) -> bool:
        """Start what can be started; True when there may be more right away."""
        most, rooms = min(self._room(0), _LEASED_AT_ONCE), self._rooms()
        if most <= 0:
            self._behind = True
            return False
        try:
            _, leases = await self._whole(self._take(most, rooms))
        except Transient as error:
            log.warning("cannot lease; trying again", service=self._service, error=str(error))
            await asyncio.sleep(self._limits.poll_seconds)
            return False
        await self._begin(leases)
        self._behind = len(leases) == most
        taken = Counter([lease.key.tenant for lease in leases])
        self._at_bound = {tenant for tenant in {*taken, *rooms.of} if taken[tenant] >= rooms(tenant)[1]}
        self._moved.set()
        return self._behind

    def _room(self, has: int) -> int:
        """How many more keys a tenant may take that has `has`."""
        return room(self._limits.in_flight - self.in_flight, has, self._limits.tenant_share)

    def _rooms(self, *, nothing_for: Collection[str] = ()) -> Rooms:
        of = {tenant: (has, 0 if tenant in nothing_for else self._room(has)) for tenant, has in self._by_tenant.items()}
        return Rooms(self._room(0), of)

    async def _take(self, most: int, rooms: Rooms) -> tuple[list[Receipt], list[Lease]]:
        limits = self._limits
        leasing = self._store.lease(most, seconds=limits.lease_seconds, messages=limits.messages, rooms=rooms)
        return [], await leasing

    async def _whole(
        self, taking: Coroutine[object, object, tuple[list[Receipt], list[Lease]]]
    ) -> tuple[list[Receipt], list[Lease]]:
        """What `taking` returns; when cancelled in this moment, give back at once what it leased."""
        task = asyncio.create_task(taking)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            with suppress(Transient):
                _, leases = await task
                await self._give_back(leases)
            raise

    def _start(self, lease: Lease) -> None:
        if (stale := self._tasks.get(lease.key)) is not None:
            stale.cancel()  # its lease ran out before it could be renewed
        task = asyncio.create_task(self._turns.work(lease), name=lease.key.name)
        self._by_tenant[lease.key.tenant] += lease.key not in self._tasks
        self._leases[lease.key], self._tasks[lease.key] = lease, task
        task.add_done_callback(partial(self._ended, lease))

    def _ended(self, lease: Lease, task: asyncio.Task[None]) -> None:
        """Forget the turn. Its key may be leased anew already: what its commit wrote shows before its reply comes."""
        if self._tasks.get(lease.key) is task:
            del self._tasks[lease.key], self._leases[lease.key]
            self._left(lease.key.tenant)
        self._moved.set()
        self._look_again(lease)
        if task.cancelled():  # before its first step, so that it could not let the key go itself
            letting_go = asyncio.create_task(self._turns.let_go(lease, delay=0, error="interrupted", counts=False))
            self._letting_go.add(letting_go)
            letting_go.add_done_callback(self._letting_go.discard)
        elif (error := task.exception()) is not None:
            log.error("turn broke off; its lease runs out", service=self._service, case=lease.key.name, exc_info=error)

    def _left(self, tenant: str) -> None:
        self._by_tenant[tenant] -= 1
        if not self._by_tenant[tenant]:
            del self._by_tenant[tenant]

    def _look_again(self, lease: Lease) -> None:
        """Look for more of what has ended: at once where there may be some, otherwise with the next of them."""
        if self._behind or self._at_bound or lease.key in self._followed or len(lease.messages) > 1:
            self._followed.discard(lease.key)
            self.wake()
        elif self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._looking = None
        self.wake()

    async def renew(self) -> None:
        """Keep the leases of all turns under way; cancel those whose lease is lost. Runs until cancelled."""
        while True:
            await asyncio.sleep(self._limits.lease_seconds / 3)
            held = [*self._leases.values()]
            with suppress(Transient):
                lost = await self._store.renew(held, seconds=self._limits.lease_seconds)
                self.interrupt(each.key for each in held if each.key in lost and self._leases.get(each.key) is each)

    async def drain(self, seconds: float) -> None:
        """Let turns under way end, for at most `seconds`; give the leases of the others back."""
        if self._tasks:
            await asyncio.wait([*self._tasks.values()], timeout=seconds)
        for task in [*self._tasks.values()]:
            task.cancel()
        if self._tasks:
            await asyncio.wait([*self._tasks.values()], timeout=5)
        if self._letting_go:
            await asyncio.wait([*self._letting_go], timeout=5)


def _type(arrival: Arrival) -> str:
    return next((value.decode() for name, value in arrival.headers if name == "ce_type"), "")
