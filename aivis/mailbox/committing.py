"""Group commit: steps of different keys that are ready together commit together."""

import asyncio
from collections import deque

from aivis.errors import Transient
from aivis.mailbox import metrics
from aivis.mailbox.insisting import until_answered
from aivis.mailbox.ports import Store
from aivis.mailbox.publishing import Publisher
from aivis.mailbox.values import Verdict, Write

_GROUP = 500
_Waiter = tuple[Write, "asyncio.Future[Verdict]"]


class GroupCommit:
    """Commits writes through `store`, all that wait at once; while one group commits, the next gathers.

    What they leave to publish goes to `publisher`.
    """

    def __init__(self, service: str, store: Store, publisher: Publisher) -> None:
        self._service = service
        self._store = store
        self._publisher = publisher
        self._waiting: deque[_Waiter] = deque()
        self._running: asyncio.Task[None] | None = None

    def __call__(self, write: Write) -> "asyncio.Future[Verdict]":
        """The verdict on `write`; `Transient` when the database did not answer to the bound."""
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, future))
        if self._running is None:
            self._running = asyncio.create_task(self._drain())
        return future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(_GROUP, len(self._waiting)))]
                await self._commit([waiter for waiter in group if not waiter[1].done()])
        finally:
            self._running = None

    async def _commit(self, group: list[_Waiter]) -> None:
        """Commit what is still waited for. A write that the database refuses is found by committing one by one."""
        if not group:
            return
        try:
            verdicts = await self._committed([write for write, _ in group])
        except Exception as error:  # noqa: BLE001 - passed on, whatever it is: nobody waits for ever
            if len(group) == 1 or isinstance(error, Transient):
                _refuse(group, error)
            else:
                for waiter in group:
                    await self._commit([waiter])
            return
        for (_, future), verdict in zip(group, verdicts, strict=True):
            if not future.done():
                future.set_result(verdict)

    async def _committed(self, writes: list[Write]) -> list[Verdict]:
        """Commit; when the reply is lost, blindly once more: the fence tells what was done before."""
        claim_seconds = self._publisher.claim_seconds
        verdicts, claimed = await until_answered(lambda: self._store.commit(writes, claim_seconds=claim_seconds))
        if left := sum(len(write.outbox) for write in writes):
            self._publisher.hand_over(claimed, of=left)
        for verdict in Verdict:
            metrics.STEPS.labels(self._service, verdict.value).inc(verdicts.count(verdict))
        return verdicts


def _refuse(group: list[_Waiter], error: Exception) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)
