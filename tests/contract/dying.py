"""A mailbox whose process kills itself right behind a line: `python -m tests.contract.dying DATABASE NAME LINE FILE`.

The line is a method of the store, done and not yet told, or `send`. What it sent stands in FILE.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.stores.opening import open_store
from aivis.mailbox.values import OutboxRow
from tests.integration.aivis.mailbox.stand import LIMITS, NOW, SERVICE, Script, arrival, event

SHORT = replace(LIMITS, lease_seconds=0.5, claim_seconds=0.5)
EVENTS = [event(str(n), f"k{key}") for n in range(3) for key in range(5)]


class File:
    """A broker that remembers through anything: one id a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, rows: Sequence[OutboxRow]) -> list[bool]:
        with self._path.open("a") as file:
            file.writelines(f"{row.event_id}\n" for row in rows)
        return [True] * len(rows)


def dies_behind(owner: Any, line: str) -> None:
    """Let `owner` not live to tell what `line` did."""
    done = getattr(owner, line)

    async def last(*arguments: Any, **named: Any) -> None:
        await done(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, line, last)


async def _live(database: str, name: str, line: str, file: str) -> None:
    store, broker = open_store(database, name), File(Path(file))
    await store.open()
    mailbox = Mailbox(SERVICE, store, Script(), limits=SHORT, now=lambda: NOW)
    running = asyncio.create_task(mailbox.run(broker))
    await asyncio.sleep(0.1)  # the worker is at rest: what comes is leased on receipt
    dies_behind(broker if line == "send" else store, line)
    await mailbox.receive([arrival(each) for each in EVENTS])
    await running


if __name__ == "__main__":
    asyncio.run(_live(*sys.argv[1:]))
