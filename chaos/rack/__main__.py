"""Serve the rack: `python -m chaos.rack HOST:PORT LOG`."""

import asyncio
import sys
from pathlib import Path

from chaos.rack.lamps import Log
from chaos.rack.server import declared, serving


async def _serve(address: str, log: Path) -> None:
    async with serving(address, Log(log), declared()):
        await asyncio.Event().wait()


asyncio.run(_serve(sys.argv[1], Path(sys.argv[2])))
