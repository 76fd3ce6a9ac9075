"""Places: a bounded number of things at once, of which nobody takes so many that nothing is left for others.

Somebody gets another place as long as what is free is enough for what they have already: with a share of three
quarters, one who is alone gets three quarters, two get three sevenths each, and so on. Some are always free for whoever
has none, and nobody need say beforehand who will come.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aivis.errors import Transient


class Busy(Transient):
    """No place came free in time."""


SHARE = 0.75
"""Of all places, for one who is alone."""


def room(free: int, has: int, share: float = SHARE) -> int:
    """How many of `free` places somebody may take who has `has`; whoever has none gets one while any is free."""
    least = 1 if free > 0 and not has else 0
    return max(least, int(share * free - (1 - share) * has + 1e-9))


class Places:
    """Who is in how many of `most` places."""

    def __init__(self, most: int, *, share: float = SHARE) -> None:
        self._most = most
        self._share = share
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """Who waits for a place; the one whose turn is next comes first."""

    @property
    def taken(self) -> int:
        return self._taken.total()

    def take(self, who: str) -> bool:
        """Take a place; False when there is none for `who` now."""
        if not room(self._most - self.taken, self._taken[who], self._share):
            return False
        self._taken[who] += 1
        return True

    def leave(self, who: str) -> None:
        """Give a place back."""
        self._taken[who] -= 1
        if not self._taken[who]:
            del self._taken[who]
        self._hand_on()

    @asynccontextmanager
    async def waited_for(self, who: str, seconds: float) -> AsyncIterator[None]:
        """Be in a place, waited for in turn with others; `Busy` when none came free within `seconds`."""
        await self.wait_for(who, seconds)
        try:
            yield
        finally:
            self.leave(who)

    async def wait_for(self, who: str, seconds: float) -> None:
        """Take a place once there is one; to be left again."""
        if who not in self._waiting and self.take(who):
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(place)
        try:
            async with asyncio.timeout(seconds):
                await place
        except BaseException as error:
            self._withdraw(who, place)
            if isinstance(error, TimeoutError):
                raise Busy(f"all places are taken, and none came free for {who} in {seconds:g} s") from error
            raise

    def _withdraw(self, who: str, place: "asyncio.Future[None]") -> None:
        """Nobody waits for `place` any more, whether it was given or not."""
        if place.done() and not place.cancelled():
            self.leave(who)
        elif place in (line := self._waiting.get(who, deque())):
            line.remove(place)
            if not line:
                del self._waiting[who]

    def _hand_on(self) -> None:
        """Give what is free to those who wait, one each, in turn."""
        given = True
        while given and self._waiting:
            given = False
            for who in [*self._waiting]:
                given |= self._given(who)

    def _given(self, who: str) -> bool:
        line = self._waiting[who]
        while line and line[0].done():
            line.popleft()
        if not line or not self.take(who):
            if not line:
                del self._waiting[who]
            return False
        line.popleft().set_result(None)
        del self._waiting[who]
        if line:
            self._waiting[who] = line  # behind all others
        return True
