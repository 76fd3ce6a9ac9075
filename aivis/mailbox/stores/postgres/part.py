"""What the parts of the store on PostgreSQL ask of it."""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aivis.mailbox.stores.postgres.committing import Connection

ALL = "*"


class Database(Protocol):
    """Transactions that may touch the rows of `tenants` and no others."""

    def _transaction(
        self, point: str, tenants: Iterable[str], *, durable: bool = True
    ) -> AbstractAsyncContextManager[Connection]:
        """One that changes rows; its commit is the failpoint `point`."""

    def _bound(self, tenants: Iterable[str], *, durable: bool = True) -> AbstractAsyncContextManager[Connection]: ...
