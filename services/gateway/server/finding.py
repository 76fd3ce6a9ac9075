"""A tenant's ticket by its case or by its own id, also in the moment before its first turn."""

from collections import OrderedDict

from aivis import identity
from aivis.access import Grant
from aivis.errors import NotFound
from aivis.events.envelope import Event
from aivis.events.tickets import TicketSubmitted
from aivis.mailbox.ports import Store
from aivis.mailbox.values import Key
from services.gateway import normalising, ticket
from services.gateway.ticket import Ticket

_REMEMBERED = 10_000


class Finding:
    """Finds tickets. One that was accepted and has not had its turn, for the broker is away, is known here too."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._accepted: OrderedDict[Key, Ticket] = OrderedDict()

    def remember(self, key: Key, event: Event) -> None:
        """`event` is in the inbox."""
        if isinstance(event.data, TicketSubmitted):
            opened = normalising.opened(event, event.data, event.time)
            self._accepted[key] = ticket.begun(Ticket(), opened, opening="")
            if len(self._accepted) > _REMEMBERED:
                self._accepted.popitem(last=False)

    async def find(self, who: Grant, id: str) -> tuple[Key, Ticket]:
        """The ticket of the key's tenant; `id` is its case, or its id in the key's own source."""
        tenant = who.tenants[0]
        for case in (id, identity.case_id(tenant, who.source, id)):
            key = Key(tenant, case)
            snapshot = await self._store.read(key)
            if snapshot is not None and snapshot.state is not None:
                self._accepted.pop(key, None)
                return key, ticket.load(snapshot.state)
            if key in self._accepted:
                return key, self._accepted[key]
        raise NotFound(f"tenant {tenant} has no ticket {id!r} of source {who.source}: POST /v1/tickets opens one")
