"""From `AIVIS_DATABASE` to a store."""

from pathlib import Path

from aivis.errors import Invalid
from aivis.mailbox.ports import Store
from aivis.mailbox.stores.sqlite.store import SqliteStore


def open_store(database: str, service: str) -> Store:
    """The store of `service` in `database`: `sqlite:FOLDER` or a `postgresql://` address. Nothing is opened yet."""
    kind, _, rest = database.partition(":")
    if kind == "sqlite" and rest:
        return SqliteStore(Path(rest) / f"{service}.db")
    if kind in ("postgres", "postgresql"):
        from aivis.mailbox.stores.postgres.store import PostgresStore

        return PostgresStore(database, schema=f"aivis_{service}")
    raise Invalid(f"AIVIS_DATABASE={kind}:...: give sqlite:FOLDER or postgresql://USER@HOST/NAME")
