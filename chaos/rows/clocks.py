"""The clocks of all services step by ten minutes, forward, back and apart; who measures time is not to mind."""

import asyncio
import importlib.util
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from aivis.cli.embedded import SERVICES
from chaos.load import Load
from chaos.playing import under_load
from chaos.rows.row import BOTH, Landed, Row
from chaos.stack import Stack

_STEP = 600
_SECONDS = 8.0
_WITHIN = 60
_PATIENCE_SECONDS = 30
_STEPS = (
    dict.fromkeys(SERVICES, _STEP),
    dict.fromkeys(SERVICES, -_STEP),
    {name: _STEP * (-1) ** place for place, name in enumerate(SERVICES)},
    dict.fromkeys(SERVICES, 0),
)
"""By how many seconds each service's clock is off, one state after another."""


async def strike(stack: Stack, load: Load) -> Landed:
    """Give every service a clock that can be set, and set it."""
    library, landed = _library(), Landed()
    if library is None:
        landed.missing.append("libfaketime is not here: pip install libfaketime")
        return landed
    clocks = {name: stack.folder / f"clock-{name}" for name in SERVICES}
    _set(clocks, dict.fromkeys(SERVICES, 0))
    await asyncio.gather(*(_with_a_clock(stack, name, library, clock) for name, clock in clocks.items()))
    for step in _STEPS:
        _set(clocks, step)
        seen = await asyncio.gather(*(_seen(stack.base(name), off) for name, off in step.items()))
        for (name, off), is_so in zip(step.items(), seen, strict=True):
            (landed.faults if is_so else landed.missing).append(f"{name}'s clock is off by {off:+d} s")
        await asyncio.sleep(_SECONDS)
    return landed


def _library() -> Path | None:
    """The library that lies about the time, as the Python package of its name carries it."""
    found = importlib.util.find_spec("libfaketime")
    folders = [] if found is None else [Path(place) for place in found.submodule_search_locations or ()]
    return next((path for folder in folders for path in folder.rglob("libfaketime.so.1")), None)


async def _with_a_clock(stack: Stack, name: str, library: Path, clock: Path) -> None:
    await stack.kill(name)
    lies = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    await stack.start(name, variables={**lies, "FAKETIME_DONT_FAKE_MONOTONIC": "1"})


def _set(clocks: dict[str, Path], off: dict[str, int]) -> None:
    for name, clock in clocks.items():
        clock.with_suffix(".new").write_text(f"{off[name]:+d}\n")
        clock.with_suffix(".new").rename(clock)


async def _seen(base: str, off: int) -> bool:
    """Whether the clock of the service at `base` is off by about `off` soon, by the date of its answers."""
    until = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS) as http:
        while asyncio.get_running_loop().time() < until:
            with suppress(httpx.HTTPError):
                told = parsedate_to_datetime((await http.get(f"{base}/health")).headers["date"])
                if abs((told - datetime.now(UTC)).total_seconds() - off) < _WITHIN:
                    return True
            await asyncio.sleep(0.5)
    return False


ROW = Row("clocks", "every service's clock steps by ten minutes, forward, back, apart", under_load(strike), BOTH)
