"""The database: restarted, hung, without a connection to give, in deadlocks, in conflicts, and silent at COMMIT."""

import asyncio
import signal
from contextlib import suppress

import asyncpg

from chaos.fleet import DATABASE, Fleet
from chaos.load import Load
from chaos.playing import under_load
from chaos.rows.row import Landed, On, Row
from chaos.stack import Stack
from chaos.wire import commits

_SECONDS = 8.0
"""Of each fault."""
_BETWEEN_SECONDS = 3.0
_DEADLOCKS, _CONFLICTS, _COMMITS = 3, 1, 20
_TOUCH = "update {schema}.keys set label = label where updated_at > now() - interval '3 s'"
_SCHEMAS = ("aivis_gateway", "aivis_reasoner", "aivis_executor")
"""Where others' locks are in the way: the services that change most."""
_SATURATE = "alter database {base} connection limit {limit}"
_END_SESSIONS = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()"
_DEADLOCKED = "select deadlocks from pg_stat_database where datname = $1"


async def strike(stack: Stack, load: Load) -> Landed:
    """One fault after another, each under load."""
    landed = Landed()
    for fault in (_restarted, _hung, _full, _deadlocked, _in_conflict, _silent_at_commit):
        said, happened = await fault(stack.servers)
        (landed.faults if happened else landed.missing).append(said)
        await asyncio.sleep(_BETWEEN_SECONDS)
    return landed


async def _restarted(servers: Fleet) -> tuple[str, bool]:
    """SIGQUIT is PostgreSQL's crash: it recovers from its log at the next start."""
    await servers.kill(DATABASE, signal.SIGQUIT)
    await asyncio.sleep(_SECONDS / 4)
    await servers.start_postgres()
    return "crashed, and recovered from its log", True


async def _hung(servers: Fleet) -> tuple[str, bool]:
    wire = servers.wires[DATABASE]
    wire.held = 0
    wire.still()
    await asyncio.sleep(_SECONDS)
    wire.heal()
    return f"hung for {_SECONDS:g} s: {wire.held} requests waited", wire.held > 0


async def _full(servers: Fleet) -> tuple[str, bool]:
    """No session is left, and nobody gets another."""
    async with servers.past_the_wire() as connection:
        await connection.execute(_SATURATE.format(base=servers.base, limit=0))
        ended = len(await connection.fetch(_END_SESSIONS, servers.base))
        await asyncio.sleep(_SECONDS)
        await connection.execute(_SATURATE.format(base=servers.base, limit=-1))
    return f"no connection to be had for {_SECONDS:g} s: {ended} sessions ended", ended > 0


async def _deadlocked(servers: Fleet) -> tuple[str, bool]:
    """Another session takes the tables that a step needs, the other way round."""
    async with servers.past_the_wire() as connection:
        before = await connection.fetchval(_DEADLOCKED, servers.base)
    await asyncio.gather(*(_locks(servers, schema) for schema in _SCHEMAS))
    await asyncio.sleep(1)  # until the statistics have it
    async with servers.past_the_wire() as connection:
        count = await connection.fetchval(_DEADLOCKED, servers.base) - before
    return f"{count} deadlocks", count >= _DEADLOCKS


async def _locks(servers: Fleet, schema: str) -> None:
    async with servers.past_the_wire(servers.base) as connection:
        for _ in range(int(_SECONDS) // 2):
            with suppress(asyncpg.DeadlockDetectedError):
                async with connection.transaction():
                    await connection.execute(f"lock table {schema}.outbox in exclusive mode")
                    await asyncio.sleep(0.7)  # a step has changed its key by now, and waits for the outbox
                    await connection.execute(f"lock table {schema}.keys in exclusive mode")
            await asyncio.sleep(0.5)


async def _in_conflict(servers: Fleet) -> tuple[str, bool]:
    """Every session is told to be strict, and another changes the same rows."""
    async with servers.past_the_wire(servers.base) as connection:
        await connection.execute("alter role aivis set default_transaction_isolation = 'repeatable read'")
        try:
            await connection.fetch(_END_SESSIONS, servers.base)
            until = asyncio.get_running_loop().time() + _SECONDS
            while asyncio.get_running_loop().time() < until:
                for schema in _SCHEMAS:
                    with suppress(asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
                        await connection.execute(_TOUCH.format(schema=schema))
        finally:
            await connection.execute("alter role aivis reset default_transaction_isolation")
            await connection.fetch(_END_SESSIONS, servers.base)
    count = servers.said(DATABASE, "could not serialize access")
    return f"{count} serialisation failures", count >= _CONFLICTS


async def _silent_at_commit(servers: Fleet) -> tuple[str, bool]:
    """COMMIT arrives and is done, and its answer does not come back."""
    wire = servers.wires[DATABASE]
    wire.lost = 0
    wire.lose_answers(commits, times=_COMMITS)
    await asyncio.sleep(_SECONDS)
    wire.heal()
    return f"{wire.lost} commits whose answer was cut", wire.lost == _COMMITS


ROW = Row(
    "database",
    "crash, hang, no connections, deadlocks, conflicts, cut commits",
    under_load(strike),
    (On.SERVERS,),
)
