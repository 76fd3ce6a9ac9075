"""Watching: whoever waits for a key's next step, in this process, is woken when it has committed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aivis.mailbox.values import Key


class Watch:
    """Wakes waiters of a key. A step that another process committed rings nothing here: waiters look again anyway."""

    def __init__(self) -> None:
        self._bells: dict[Key, set[asyncio.Event]] = {}

    def ring(self, key: Key) -> None:
        """A step of `key` has committed."""
        if self._bells:
            for bell in self._bells.get(key, ()):
                bell.set()

    @contextmanager
    def on(self, key: Key) -> Iterator["Bell"]:
        """Hear every step of `key` from here on: look at the state inside, then wait, so that none is missed."""
        event = asyncio.Event()
        self._bells.setdefault(key, set()).add(event)
        try:
            yield Bell(event)
        finally:
            bells = self._bells[key]
            bells.discard(event)
            if not bells:
                del self._bells[key]


class Bell:
    """One waiter's ear."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    async def wait(self, seconds: float) -> None:
        """Return at the next step, or after `seconds`; at once when a step came since the last wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()
