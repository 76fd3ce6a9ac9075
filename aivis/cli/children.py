"""Child processes that never outlive us: the broker, the cloud and the tool server of the embedded stack."""

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aivis.errors import Transient
from aivis.subprocesses import dies_with_us


def free_ports(count: int) -> list[int]:
    """`count` loopback ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@dataclass(frozen=True)
class Child:
    """What to run, and the loopback port that tells it is up."""

    name: str
    argv: Sequence[str]
    port: int
    environment: Mapping[str, str]


class Children:
    """Starts children, waits for their ports, and ends them all."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: dict[str, asyncio.subprocess.Process] = {}

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._running.items()}

    def process(self, name: str) -> asyncio.subprocess.Process:
        """The process last started as `name`."""
        return self._running[name]

    async def start(self, child: Child, *, seconds: float) -> None:
        """Start and wait until the port answers; `Transient` with the end of the log when it does not."""
        self.logs.mkdir(parents=True, exist_ok=True)
        path = self.logs / f"{child.name}.log"
        with path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *child.argv,
                env={**os.environ, **child.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_us(),
            )
        self._running[child.name] = process
        try:
            await asyncio.wait_for(_answers(child.port, process), seconds)
        except (TimeoutError, ChildProcessError) as error:
            tail = path.read_text(encoding="utf-8", errors="replace")[-1500:]
            raise Transient(f"{child.name} did not start on port {child.port}; the end of {path}:\n{tail}") from error

    async def start_all(self, children: Sequence[Child]) -> None:
        """Start side by side; what one of them fails with is raised."""
        try:
            async with asyncio.TaskGroup() as group:
                for child in children:
                    group.create_task(self.start(child, seconds=60))
        except* Transient as failed:
            raise failed.exceptions[0] from None

    async def first_death(self) -> str:
        """The name of the first child that ends by itself."""
        waits = {asyncio.create_task(process.wait()): name for name, process in self._running.items()}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return waits[done.pop()]

    async def stop(self) -> None:
        """End every child: kindly, then for good."""
        for process in self._running.values():
            if process.returncode is None:
                process.terminate()
        waits = [asyncio.create_task(process.wait()) for process in self._running.values()]
        if waits:
            await asyncio.wait(waits, timeout=3)
        for process in self._running.values():
            if process.returncode is None:
                process.kill()
                await process.wait()
        self._running.clear()


async def _answers(port: int, process: asyncio.subprocess.Process) -> None:
    while True:
        if process.returncode is not None:
            raise ChildProcessError(process.returncode)
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return
