"""Gathering: what is asked for one by one is done together, all that waits at once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from aivis.errors import Transient

_GROUP = 500
Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Gathering(Generic[Item, Answer]):
    """Does, by `together`, all that wait; while one group is under way, the next gathers. An answer for each item."""

    def __init__(self, together: Callable[[list[Item]], Awaitable[list[Answer]]]) -> None:
        self._together = together
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._running: asyncio.Task[None] | None = None

    def __call__(self, item: Item) -> "asyncio.Future[Answer]":
        """The answer to `item`, or what it failed with."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._drain())
        return future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(_GROUP, len(self._waiting)))]
                await self._do([waiter for waiter in group if not waiter[1].done()])
        finally:
            self._running = None

    async def _do(self, group: "list[tuple[Item, asyncio.Future[Answer]]]") -> None:
        """Do what is still waited for. An item that is refused is found by doing one by one."""
        if not group:
            return
        try:
            answers = await self._together([item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - passed on, whatever it is: nobody waits for ever
            if len(group) == 1 or isinstance(error, Transient):
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
            else:
                for waiter in group:
                    await self._do([waiter])
            return
        for (_, future), answer in zip(group, answers, strict=True):
            if not future.done():
                future.set_result(answer)
