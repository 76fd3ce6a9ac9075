"""Dead letters on PostgreSQL."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aivis.mailbox.letters import ANY, Fate, Heading, Kind, Wanted
from aivis.mailbox.stores import rows
from aivis.mailbox.stores.postgres.committing import Connection
from aivis.mailbox.stores.postgres.part import ALL, Database
from aivis.mailbox.values import Letter


class PostgresLetters:
    """The part of a store that keeps dead letters."""

    async def quarantine(self: Database, letters: Sequence[Letter]) -> None:
        async with self._transaction("store.quarantine", [ALL]) as connection:
            await connection.executemany(
                "insert into letters (tenant, name, event_id, topic, headers, value, reason)"
                " values ($1, $2, '', $3, $4, $5, $6)",
                [
                    (rows.text(x.tenant), rows.text(x.key), x.topic, rows.pack(x.headers), x.value, rows.text(x.reason))
                    for x in letters
                ],
            )

    async def letters(self: Database, wanted: Wanted = ANY, *, limit: int) -> list[Heading]:
        statement = f"select {_HEADING} from letters where {_FITS} order by id desc limit $10"  # noqa: S608 - constants
        async with self._bound([ALL]) as connection:
            return [Heading(*row) for row in await connection.fetch(statement, *_values(wanted), limit)]

    async def count_letters(self: Database, wanted: Wanted = ANY) -> dict[Kind, int]:
        statement = f"select count(*), count(*) filter (where event_id = '') from letters where {_FITS}"  # noqa: S608 - constants
        async with self._bound([ALL]) as connection:
            both, quarantined = await connection.fetchrow(statement, *_values(wanted))
        return {Kind.BURIED: both - quarantined, Kind.QUARANTINED: quarantined}

    async def letter(self: Database, id: int) -> Letter | None:
        async with self._bound([ALL]) as connection:
            row = await connection.fetchrow(f"select {_WHOLE} from letters where id = $1", id)  # noqa: S608 - constants
        return None if row is None else _letter(row)

    async def retry(self: Database, ids: Sequence[int]) -> list[Letter]:
        async with self._transaction("store.retry", [ALL]) as connection:
            return await _retry(connection, ids)

    async def drop(self: Database, ids: Sequence[int]) -> list[Heading]:
        async with self._transaction("store.drop", [ALL]) as connection:
            return await _drop(connection, ids)

    async def fates(self: Database, events: Sequence[tuple[str, str]]) -> list[Fate | None]:
        statement = (
            "select e.tenant, e.id, i.state from unnest($1::text[], $2::text[]) as e(tenant, id)"
            " join inbox i on i.tenant = e.tenant and i.event_id = e.id"
        )
        async with self._bound([ALL]) as connection:
            found = await connection.fetch(statement, [tenant for tenant, _ in events], [id for _, id in events])
        states = {(tenant, id): rows.FATES[state] for tenant, id, state in found}
        return [states.get(event) for event in events]


def _values(wanted: Wanted) -> tuple[Any, ...]:
    younger, older = (None if age is None else timedelta(seconds=age) for age in (wanted.younger, wanted.older))
    texts = (wanted.tenant, wanted.topic, wanted.key, wanted.event, wanted.reason)
    return (*map(rows.text, texts), wanted.kind or "", younger, older, wanted.before)


async def _retry(connection: Connection, ids: Sequence[int]) -> list[Letter]:
    """Take the letters out, and put the messages of those that were buried back into the inbox."""
    letters = [_letter(row) for row in await connection.fetch(_TAKE, list(ids))]
    for letter in letters:
        if letter.event_id:
            await _bring_back(connection, letter)
    return letters


async def _bring_back(connection: Connection, letter: Letter) -> None:
    """The message to the inbox, from where it lies dead or, where it does not any more, from the letter itself."""
    await connection.execute(
        "insert into inbox (tenant, name, event_id, topic, headers, value) values ($1, $2, $3, $4, $5, $6)"
        " on conflict (tenant, event_id) do update set state = 0, version = null where inbox.state = 2",
        letter.tenant,
        letter.key,
        letter.event_id,
        letter.topic,
        rows.pack(letter.headers),
        letter.value,
    )
    await connection.execute(
        "update keys set attempts = 0, failing_since = null, not_before = '-infinity' where tenant = $1 and name = $2",
        letter.tenant,
        letter.key,
    )


async def _drop(connection: Connection, ids: Sequence[int]) -> list[Heading]:
    """Delete the letters. Of a buried message the id stays known, as that of one that is done."""
    statement = f"delete from letters where id = any($1::bigint[]) returning {_HEADING}"  # noqa: S608 - constants
    dropped = [Heading(*row) for row in await connection.fetch(statement, list(ids))]
    await connection.execute(
        "update inbox i set state = 1 from unnest($1::text[], $2::text[]) as d(tenant, event_id)"
        " where i.tenant = d.tenant and i.event_id = d.event_id and i.state = 2",
        [each.tenant for each in dropped],
        [each.event_id for each in dropped],
    )
    return dropped


def _letter(row: Any) -> Letter:
    topic, headers, value, reason, tenant, name, event_id, id, at = row
    return Letter(topic, rows.unpack(headers), value, reason, tenant, name, event_id, id, at)


_HEADING = "id, event_id, topic, tenant, name, reason, at, octet_length(value)"
_WHOLE = "topic, headers, value, reason, tenant, name, event_id, id, at"
_TAKE = f"delete from letters where id = any($1::bigint[]) returning {_WHOLE}"  # noqa: S608 - constants
_FITS = """
($1 = '' or tenant = $1) and ($2 = '' or topic = $2) and ($3 = '' or name = $3) and ($4 = '' or event_id = $4)
and ($5 = '' or position(lower($5) in lower(reason)) > 0) and ($6 = '' or ($6 = 'buried') = (event_id <> ''))
and ($7::interval is null or at >= now() - $7::interval) and ($8::interval is null or at <= now() - $8::interval)
and ($9::bigint = 0 or id < $9::bigint)
"""
