"""Asking the database again while it does not answer: its transactions may be run again."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from aivis.errors import Transient

R = TypeVar("R")
_TRIES = 5
_FIRST_WAIT = 0.05
_SECONDS = 10
"""After which no further try is begun: a database that hangs takes half a minute to say nothing."""


async def until_answered(call: Callable[[], Awaitable[R]], now: Callable[[], float] = monotonic) -> R:
    """The answer of `call`; `Transient` when it never came.

    Where the database refuses at once it is tried for about a second.
    """
    until = now() + _SECONDS
    for attempt in range(_TRIES - 1):
        try:
            return await call()
        except Transient:
            if now() >= until:
                raise
            await asyncio.sleep(_FIRST_WAIT * 2**attempt)
    return await call()
