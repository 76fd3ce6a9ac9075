"""Processes of the benchmark's own, and how they are talked to: one JSON object a line, each answered by one."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson

Message = dict[str, Any]

_LINE = 16 * 1024 * 1024


class Child:
    """A process that runs one of our modules, seen from its parent."""

    def __init__(self, module: str, process: asyncio.subprocess.Process) -> None:
        self._module = module
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, seconds: float = 90, **command: Any) -> Message:
        """Its answer to `command`; `RuntimeError` when it has ended, `TimeoutError` when it is silent for `seconds`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(orjson.dumps(command) + b"\n")
        async with asyncio.timeout(seconds):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._module} ended instead of answering {command}: see its error above")
        answer: Message = orjson.loads(line)
        return answer


@asynccontextmanager
async def child(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None, listens: bool = True
) -> AsyncIterator[Child]:
    """`python -m module arguments` while the context lasts. One that `listens` ends when its commands do."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LINE,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    try:
        yield Child(module, process)
    finally:
        await _ended(process, listens=listens)


async def _ended(process: asyncio.subprocess.Process, *, listens: bool) -> None:
    """Let `process` end by itself: it leaves its consumer groups then; after ten seconds end it."""
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None and not listens:
        process.terminate()
    try:
        async with asyncio.timeout(10):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def commands() -> AsyncIterator[Message]:
    """In the child: the parent's commands, until it closes the pipe."""
    reader = asyncio.StreamReader(limit=_LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield orjson.loads(line)


def answer(**message: Any) -> None:
    """In the child: answer the command at hand."""
    sys.stdout.buffer.write(orjson.dumps(message) + b"\n")
    sys.stdout.buffer.flush()
