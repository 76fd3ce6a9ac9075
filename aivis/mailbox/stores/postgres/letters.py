"""Dead letters on PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from aivis.mailbox.stores import rows
from aivis.mailbox.stores.postgres.committing import Connection
from aivis.mailbox.values import Letter


async def quarantine(connection: Connection, letters: Sequence[Letter]) -> None:
    """Keep messages that could not be let in."""
    await connection.executemany(
        "insert into letters (tenant, name, event_id, topic, headers, value, reason)"
        " values ($1, $2, '', $3, $4, $5, $6)",
        [
            (rows.text(x.tenant), rows.text(x.key), x.topic, rows.pack(x.headers), x.value, rows.text(x.reason))
            for x in letters
        ],
    )


async def newest(connection: Connection, limit: int) -> list[Letter]:
    """Up to `limit` letters, newest first."""
    return [_letter(row) for row in await connection.fetch(_NEWEST, limit)]


async def one(connection: Connection, id: int) -> Letter | None:
    """The letter `id`."""
    row = await connection.fetchrow(_ONE, id)
    return None if row is None else _letter(row)


async def retry(connection: Connection, ids: Sequence[int]) -> list[Letter]:
    """Take the letters out, and put the messages of those that were buried back into the inbox."""
    letters = [_letter(row) for row in await connection.fetch(_TAKE, list(ids))]
    for letter in letters:
        if letter.event_id:
            await connection.execute(
                "update inbox set state = 0, version = null where tenant = $1 and event_id = $2 and state = 2",
                letter.tenant,
                letter.event_id,
            )
            await connection.execute(
                "update keys set attempts = 0, not_before = '-infinity' where tenant = $1 and name = $2",
                letter.tenant,
                letter.key,
            )
    return letters


def _letter(row: Any) -> Letter:
    topic, headers, value, reason, tenant, name, event_id, id, at = row
    return Letter(topic, rows.unpack(headers), value, reason, tenant, name, event_id, id, at)


_NEWEST = "select topic, headers, value, reason, tenant, name, event_id, id, at from letters order by id desc limit $1"
_ONE = "select topic, headers, value, reason, tenant, name, event_id, id, at from letters where id = $1"
_TAKE = (
    "delete from letters where id = any($1::bigint[])"
    " returning topic, headers, value, reason, tenant, name, event_id, id, at"
)
