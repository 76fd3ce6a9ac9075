"""Asking the database again while it does not answer: its transactions may be run again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aivis.errors import Transient

R = TypeVar("R")
_TRIES = 5
_FIRST_WAIT = 0.05


async def until_answered(call: Callable[[], Awaitable[R]]) -> R:
    """The answer of `call`, tried for about a second; `Transient` when it never came."""
    for attempt in range(_TRIES - 1):
        try:
            return await call()
        except Transient:
            await asyncio.sleep(_FIRST_WAIT * 2**attempt)
    return await call()
