"""Group commit: steps of different keys that are ready together commit together."""

import asyncio
from collections import deque

from aivis.errors import AivisError, Transient
from aivis.mailbox.ports import Store
from aivis.mailbox.values import Verdict, Write

_GROUP = 500
_TRIES = 5


class GroupCommit:
    """Commits writes through `store`, all that wait at once; while one group commits, the next gathers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[tuple[Write, asyncio.Future[Verdict]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, write: Write) -> Verdict:
        """The verdict on `write`; `Transient` when the database did not answer to the bound."""
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, future))
        if self._running is None:
            self._running = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(_GROUP, len(self._waiting)))]
                await self._commit(group)
        finally:
            self._running = None

    async def _commit(self, group: list[tuple[Write, "asyncio.Future[Verdict]"]]) -> None:
        try:
            verdicts = await self._until_answered([write for write, _ in group])
        except AivisError as error:
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), verdict in zip(group, verdicts, strict=True):
            if not future.done():
                future.set_result(verdict)

    async def _until_answered(self, writes: list[Write]) -> list[Verdict]:
        """A commit whose reply is lost is run again blindly: the fence tells what was done before."""
        for attempt in range(_TRIES):
            try:
                return await self._store.commit(writes)
            except Transient:
                if attempt == _TRIES - 1:
                    raise
                await asyncio.sleep(0.05 * 2**attempt)
        raise AssertionError("unreachable")
