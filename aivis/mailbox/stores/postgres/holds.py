"""Names that are held by hand on PostgreSQL: for good, or from one moment to another."""

from aivis.mailbox.stores.postgres.committing import Connection
from aivis.mailbox.values import Window


async def hold(connection: Connection, tenant: str, name: str, holder: str) -> None:
    """Take a name, unless somebody has it."""
    statement = "insert into holds (tenant, hold, holder) values ($1, $2, $3) on conflict do nothing"
    await connection.execute(statement, tenant, name, holder)


async def unhold(connection: Connection, tenant: str, name: str, holder: str) -> None:
    """Let a name go."""
    statement = "delete from holds where tenant = $1 and hold = $2 and holder = $3"
    await connection.execute(statement, tenant, name, holder)


async def held(connection: Connection, prefix: str) -> list[tuple[str, str, str]]:
    """(tenant, name, holder) of every name that starts with `prefix`."""
    statement = "select tenant, hold, holder from holds where starts_with(hold, $1) order by 1, 2"
    return [(row[0], row[1], row[2]) for row in await connection.fetch(statement, prefix)]


async def hold_for(connection: Connection, window: Window) -> Window | None:
    """Hold a name for a while; None when it would be over at once."""
    begins = await connection.fetchval(_HOLD_FOR, *window)
    return None if begins is None else window._replace(begins=begins)


async def end_window(connection: Connection, tenant: str, id: str) -> bool:
    """End a window; False when there is none."""
    statement = "delete from windows where tenant = $1 and id = $2 returning true"
    return bool(await connection.fetchval(statement, tenant, id))


async def windows(connection: Connection, prefix: str) -> list[Window]:
    """Those that are not over, the earliest first."""
    return [Window(*row) for row in await connection.fetch(_WINDOWS, prefix)]


_HOLD_FOR = """
insert into windows (tenant, id, hold, begins, ends, reason)
select $1, $2, $3, coalesce($4, now()), $5::timestamptz, $6 where $5 > greatest(coalesce($4::timestamptz, now()), now())
on conflict (tenant, id) do update set hold = excluded.hold, begins = excluded.begins, ends = excluded.ends,
  reason = excluded.reason
returning begins
"""
_WINDOWS = (
    "select tenant, id, hold, begins, ends, reason from windows"
    " where ends > now() and starts_with(hold, $1) order by begins, tenant, id"
)
