"""What is forgotten on PostgreSQL when it is old enough."""

from datetime import timedelta

from aivis.mailbox.stores.postgres.committing import Connection


async def prune(connection: Connection, *, sent: timedelta, done: timedelta) -> int:
    """Forget sent outbox rows and done inbox rows older than that, how many, and windows that are long over."""
    tags = [
        await connection.execute("delete from outbox where sent_at < now() - $1::interval", sent),
        await connection.execute("delete from inbox where state = 1 and received_at < now() - $1::interval", done),
    ]
    await connection.execute("delete from windows where ends < now() - $1::interval", done)
    return sum(int(tag.split()[-1]) for tag in tags)
