"""Readiness: the planner is opened once, beside the service; a classifier that is not in the cache is trained first.

Training runs in a process of its own, so that its libraries' memory goes with it.
"""

import asyncio
import sys
from pathlib import Path

import structlog

from aivis.errors import AivisError, Transient
from aivis.subprocesses import dies_with_us
from services.planner.opening import is_trained, open_planner
from services.planner.planning import Planner
from services.planner.ports import Language

log = structlog.get_logger()

_RETRY_SECONDS = 5.0


class Opener:
    """Opens the planner of a domain's folder."""

    def __init__(self, folder: Path, cache: Path, language: Language) -> None:
        self._folder = folder
        self._cache = cache
        self._language = language
        self._planner: Planner | None = None
        self._opened = asyncio.Event()
        self._left = "the classifier is not loaded yet"

    async def check(self) -> None:
        """`Transient` until the planner can plan; it says why not."""
        if self._planner is None:
            raise Transient(self._left)

    async def planner(self) -> Planner:
        """The planner, once it is open."""
        await self._opened.wait()
        assert self._planner is not None
        return self._planner

    async def open(self) -> None:
        """Open the planner; while the domain has faults, say so and try again. Stays, as background work must."""
        while self._planner is None:
            try:
                self._planner = await self._open()
                self._opened.set()
                log.info("planner opened", version=self._planner.version)
            except AivisError as error:
                self._left = str(error)
                log.error("planner not opened; trying again", error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
        await asyncio.Event().wait()

    async def _open(self) -> Planner:
        if not await asyncio.to_thread(is_trained, self._folder, self._cache, self._language):
            self._left = "the classifier is being trained"
            await _trained(self._folder, self._cache)
        return await asyncio.to_thread(open_planner, self._folder, self._cache, self._language)


async def _trained(folder: Path, cache: Path) -> None:
    """Train in a process of its own, which ends with this one. When it fails, opening trains here, and says why."""
    command = (sys.executable, "-m", "services.planner.opening", str(folder), str(cache))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, preexec_fn=dies_with_us()
    )
    try:
        if await process.wait() != 0:
            log.warning("training failed in its own process; trying in this one", exit=process.returncode)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
