"""Serve the rack: `python -m chaos.rack HOST:PORT LOG`."""

import asyncio
import sys
from pathlib import Path

from chaos.rack.server import serve

asyncio.run(serve(sys.argv[1], Path(sys.argv[2])))
