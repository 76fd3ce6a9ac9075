"""Databases put back to an older point, in the middle of load: what was done since is not done again, nor lost."""

import asyncio
import os
import sys
from collections.abc import Sequence

import httpx

from aivis.cli.embedded import SERVICES
from chaos.load import Load, Ticket
from chaos.playing import under_load
from chaos.rows import kills
from chaos.rows.row import BOTH, Landed, Row
from chaos.stack import Stack
from deploy.servers.prerequisites import postgres_folder

_SINCE_SECONDS = 6
"""Of load that the databases then lack."""
_BETWEEN_SECONDS = 3
_BROUGHT_AGAIN = 30
"""Tickets that upstream brings again: the gateway may have taken them in a moment before the end, and told nobody."""


async def strike(stack: Stack, load: Load) -> Landed:
    """All services back to one backup; then the executor alone to another."""
    landed = Landed()
    for names in (SERVICES, ("executor",)):
        await _put_back(stack, names, load)
        landed.faults.append(f"{', '.join(names)} put back by {_SINCE_SECONDS} s")
        await asyncio.sleep(_BETWEEN_SECONDS)
    return landed


async def _put_back(stack: Stack, names: Sequence[str], load: Load) -> None:
    """Back up, let time pass, kill the services `names`, put their databases back, and start them."""
    backup = stack.folder / f"backup {len(names)}"
    await (_dump(stack, str(backup)) if stack.fleet else aivis(stack, "backup", str(backup)))
    await asyncio.sleep(_SINCE_SECONDS)
    await asyncio.gather(*(stack.kill(name) for name in names))
    latest = load.handed[-_BROUGHT_AGAIN:]
    alone = [word for name in names if len(names) < len(SERVICES) for word in ("--service", name)]
    if stack.fleet:
        await _load(stack, str(backup), names)
        await aivis(stack, "restore", "--mark", *alone)
    else:
        await aivis(stack, "restore", str(backup), "--yes", *alone)
    if len(names) < len(SERVICES):
        await _interrupted(stack, names)
    await asyncio.gather(*(stack.start(name) for name in names))
    await stack.until_ready(names)
    if "gateway" in names:
        await _bring_again(latest, load)


async def _interrupted(stack: Stack, names: Sequence[str]) -> None:
    """Killed while they read the bus again: they begin again with that."""
    for name in names:
        await stack.start(name, failpoints="store.queue_behind_past.after=kill")
        await kills.died(stack, name, "store.queue_behind_past.after")


async def _bring_again(tickets: Sequence[Ticket], load: Load) -> None:
    """What upstream does who hears that the database was put back: the latest tickets once more."""
    async with httpx.AsyncClient(timeout=30) as http:
        for ticket in tickets:
            await load.hand_in(http, ticket)


async def aivis(stack: Stack, *arguments: str) -> None:
    """Run a command of ours on the stack."""
    program = [sys.executable, "-c", "from aivis.cli.main import main; main()"]
    await _run(*program, *arguments, "--folder", str(stack.folder), AIVIS_DATABASE=_database(stack))


async def _dump(stack: Stack, to: str) -> None:
    """As docs/operations.md says."""
    dump = str(postgres_folder() / "pg_dump")
    await _run(dump, "--format=custom", "--enable-row-security", f"--file={to}", _database(stack), PGOPTIONS=_TENANTS)


async def _load(stack: Stack, dump: str, names: Sequence[str]) -> None:
    schemas = [f"--schema=aivis_{name}" for name in names]
    load = [str(postgres_folder() / "pg_restore"), "--clean", "--if-exists", "--enable-row-security"]
    where = f"--dbname={_database(stack)}"
    await _run(*load, "--single-transaction", *schemas, where, dump, PGOPTIONS=_TENANTS)


_TENANTS = "-c aivis.tenants=*"


def _database(stack: Stack) -> str:
    return stack.programs["executor"].environment["AIVIS_DATABASE"]


async def _run(*program: str, **environment: str) -> None:
    """RuntimeError with the program's words when it fails."""
    process = await asyncio.create_subprocess_exec(
        *program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={**os.environ, **environment}
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(program)}: {said.decode()}")


ROW = Row("restored", "databases are put back to an older point; the bus has what came since", under_load(strike), BOTH)
