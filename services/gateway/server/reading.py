"""What became of tickets: a tenant reads its own, and knows nothing of others'."""

from http import HTTPStatus

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aivis.access import Keys
from aivis.events import registry
from aivis.events.envelope import JsonObject
from aivis.events.replies import ReplySent, Status
from aivis.mailbox.ports import Store
from aivis.mailbox.values import Key, LogRow
from aivis.problems import Problem
from aivis.web import granted, number
from services.gateway import ticket
from services.gateway.admission import Admission
from services.gateway.server.finding import Finding
from services.gateway.ticket import Ticket

_MOST_REPLIES = 500


class Reading:
    """Answers from the gateway's own view."""

    def __init__(self, store: Store, finding: Finding, keys: Keys, admission: Admission) -> None:
        self._store = store
        self._finding = finding
        self._keys = keys
        self._admission = admission

    def routes(self) -> list[Route]:
        return [Route("/tickets", self.list_tickets), Route("/tickets/{id}", self.get_ticket)]

    async def ticket_of(self, request: Request) -> tuple[Key, Ticket]:
        """The ticket that the request names, when it is the key's to see."""
        return await self._finding.find(granted(request, self._keys), request.path_params["id"])

    async def list_tickets(self, request: Request) -> Response:
        """The tenant's tickets, latest change first."""
        who = granted(request, self._keys)
        labels = [status for status in request.query_params.get("status", "").split(",") if status]
        unknown = sorted(set(labels) - {status.value for status in Status})
        if unknown:
            detail = f"query parameter status={unknown[0][:40]!r}: give some of {', '.join(Status)}"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field="status")
        limit = number(request, "limit", 50, most=500)
        with self._admission.reading(who):
            found = await self._store.find(tenant=who.tenants[0], labels=labels, limit=limit)
        tickets = [brief(snapshot.key, ticket.load(snapshot.state)) for snapshot in found if snapshot.state]
        return JSONResponse({"tickets": tickets})

    async def get_ticket(self, request: Request) -> Response:
        with self._admission.reading(granted(request, self._keys)):
            key, found = await self.ticket_of(request)
            answers = await replies(self._store, key, after=0)
        return JSONResponse({**brief(key, found), "replies": answers})


async def replies(store: Store, key: Key, *, after: int) -> list[JsonObject]:
    """The replies of the log after entry `after`, at most 500."""
    found: list[JsonObject] = []
    while len(found) < _MOST_REPLIES and (rows := await store.log(key, after=after, limit=500)):
        found += [reply for reply in map(_reply, rows) if reply]
        after = rows[-1].sequence
    return found[:_MOST_REPLIES]


def brief(key: Key, found: Ticket) -> JsonObject:
    """How a ticket stands."""
    return {
        "case": key.name,
        "ticket": found.ticket,
        "source": found.source,
        "customer": found.customer,
        "subject": found.subject,
        "status": found.status,
        "owner": found.owner,
        "outcome": found.outcome.model_dump(mode="json") if found.outcome else None,
        "opened_at": found.opened_at.isoformat() if found.opened_at else None,
        "last": found.last,
    }


def entry(row: LogRow) -> JsonObject:
    """An entry of the log, for the event stream."""
    event = registry.decode(row.headers, row.value, where=f"log entry {row.sequence}")
    return {
        "sequence": row.sequence,
        "id": event.id,
        "type": event.type,
        "time": event.time.isoformat(),
        "data": orjson.loads(row.value),
    }


def _reply(row: LogRow) -> JsonObject | None:
    if dict(row.headers).get("ce_type") != ReplySent.TYPE.encode():
        return None
    found = entry(row)
    return {"sequence": row.sequence, "id": found["id"], "time": found["time"], **found["data"]}
