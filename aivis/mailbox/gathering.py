"""Gathering: what comes in message by message, as by HTTP, is let in together: nobody waits for a queue of others."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from aivis.errors import Transient
from aivis.mailbox.values import Arrival, Receipt

_GROUP = 500
_Waiter = tuple[Arrival, "asyncio.Future[Receipt]"]


class Gathering:
    """Lets in, by `receive`, all that wait at once; while one group goes in, the next gathers."""

    def __init__(self, receive: Callable[[Sequence[Arrival]], Awaitable[list[Receipt]]]) -> None:
        self._receive = receive
        self._waiting: deque[_Waiter] = deque()
        self._running: asyncio.Task[None] | None = None

    def __call__(self, arrival: Arrival) -> "asyncio.Future[Receipt]":
        """What the inbox made of `arrival`, once that is durable."""
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, future))
        if self._running is None:
            self._running = asyncio.create_task(self._drain())
        return future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(_GROUP, len(self._waiting)))]
                await self._let_in([waiter for waiter in group if not waiter[1].done()])
        finally:
            self._running = None

    async def _let_in(self, group: list[_Waiter]) -> None:
        """Let in what is still waited for. What the database refuses is found by letting in one by one."""
        if not group:
            return
        try:
            receipts = await self._receive([arrival for arrival, _ in group])
        except Exception as error:  # noqa: BLE001 - passed on, whatever it is: nobody waits for ever
            if len(group) == 1 or isinstance(error, Transient):
                _refuse(group, error)
            else:
                for waiter in group:
                    await self._let_in([waiter])
            return
        for (_, future), receipt in zip(group, receipts, strict=True):
            if not future.done():
                future.set_result(receipt)


def _refuse(group: list[_Waiter], error: Exception) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)
