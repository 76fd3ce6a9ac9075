"""The executor's HTTP API: the catalogue of tools, the ledger, the stop switch, change freezes."""

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from typing import TypeVar

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aivis.errors import Invalid, NotFound, Refused
from aivis.events.envelope import JsonObject
from aivis.events.registry import fault
from aivis.mailbox.ports import Store
from aivis.mailbox.values import ANY_TENANT, Key, Snapshot
from services.executor import stops
from services.executor.catalogue import Catalogue, Offer
from services.executor.ledger import Entry, State

S = TypeVar("S", bound=stops.Stop)
Endpoint = Callable[[Request], Awaitable[Response]]
_MOST = 1_000


class Api:
    """Answers people and the command line: who gives the bearer `token`; without one, only this machine."""

    def __init__(self, catalogue: Catalogue, store: Store, token: str) -> None:
        self._catalogue = catalogue
        self._store = store
        self._token = token

    def routes(self) -> list[Route]:
        return [
            Route("/v1/tools", self._guarded(self._tools)),
            Route("/v1/actions", self._guarded(self._actions)),
            Route("/v1/actions/{action}", self._guarded(self._action)),
            Route("/v1/stops", self._guarded(self._stops), methods=["GET"]),
            Route("/v1/stops", self._guarded(self._stop), methods=["POST"]),
            Route("/v1/stops", self._guarded(self._go_on), methods=["DELETE"]),
            Route("/v1/freezes", self._guarded(self._freezes), methods=["GET"]),
            Route("/v1/freezes", self._guarded(self._freeze), methods=["POST"]),
            Route("/v1/freezes", self._guarded(self._thaw), methods=["DELETE"]),
        ]

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            self._admit(request)
            return await endpoint(request)

        return answer

    def _admit(self, request: Request) -> None:
        if self._token:
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
                raise Refused("the header Authorization must be: Bearer and the value of AIVIS_EXECUTOR_TOKEN")
        elif not _is_near(request):
            raise Refused("only callers on this machine are answered: set AIVIS_EXECUTOR_TOKEN for others")

    async def _tools(self, _: Request) -> Response:
        problems = [vars(problem) for problem in self._catalogue.problems]
        return JSONResponse({"tools": [_tool(offer) for offer in self._catalogue.offers], "problems": problems})

    async def _actions(self, request: Request) -> Response:
        """`?tenant=T` of one tenant, `?state=S` (several, comma separated) in these states, latest change first."""
        asked = request.query_params
        labels = [label for label in asked.get("state", "").upper().split(",") if label]
        if unknown := [label for label in labels if label not in State.__members__]:
            raise Invalid(f"state {unknown[0]!r}: must be one of {', '.join(State)}")
        limit = min(_MOST, _number(asked.get("limit", "100"), "limit"))
        found = await self._store.find(tenant=asked.get("tenant"), labels=labels, limit=limit)
        return JSONResponse({"actions": [_entry(snapshot) for snapshot in found if snapshot.state is not None]})

    async def _action(self, request: Request) -> Response:
        """`?tenant=T` names the tenant whose action it is."""
        tenant, action = request.query_params.get("tenant"), request.path_params["action"]
        if not tenant:
            raise Invalid("query parameter tenant is missing: an action is a tenant's")
        snapshot = await self._store.read(Key(tenant, action))
        if snapshot is None or snapshot.state is None:
            raise NotFound(f"tenant {tenant} has no action {action}")
        return JSONResponse(_entry(snapshot))

    async def _stops(self, _: Request) -> Response:
        found = [stops.read(tenant, name) for tenant, name, _ in await self._store.holds(prefix=stops.PREFIX)]
        return JSONResponse({"stops": [stop.model_dump() for stop in found]})

    async def _stop(self, request: Request) -> Response:
        """Stop effects that have not begun. Body: `{"tenant": T, "tool": X}`; what is left out means all."""
        stop = _checked(stops.Stop, await request.body())
        await self._store.hold(stop.tenant, stop.name, stops.HOLDER)
        return JSONResponse(stop.model_dump(), status_code=201)

    async def _go_on(self, request: Request) -> Response:
        """Take a stop back: the same body, or query parameters, as set it."""
        body = await request.body()
        stop = _checked(stops.Stop, body or orjson.dumps(dict(request.query_params)))
        await self._store.unhold(stop.tenant, stop.name, stops.HOLDER)
        return JSONResponse(stop.model_dump())

    async def _freezes(self, _: Request) -> Response:
        """Those that last, and those to come."""
        found = [stops.Freeze.of(window) for window in await self._store.windows(prefix=stops.PREFIX)]
        return JSONResponse({"freezes": [freeze.model_dump(mode="json") for freeze in found]})

    async def _freeze(self, request: Request) -> Response:
        """Let no effect begin for a while. Body: `{"begins", "ends", "reason", "tenant", "tool"}`."""
        freeze = _checked(stops.Freeze, await request.body())
        window = await self._store.hold_for(freeze.window)
        if window is None:
            raise Invalid(f"freeze: field ends: {freeze.ends} is over already, or not after its beginning")
        return JSONResponse(stops.Freeze.of(window).model_dump(mode="json"), status_code=201)

    async def _thaw(self, request: Request) -> Response:
        """`?tenant=T&id=ID` ends a freeze before its time; without a tenant it is one of all."""
        tenant, id = request.query_params.get("tenant", ANY_TENANT), request.query_params.get("id", "")
        if not await self._store.end_window(tenant, id):
            raise NotFound(f"there is no freeze {id!r} of {'all tenants' if tenant == ANY_TENANT else tenant}")
        return JSONResponse({"tenant": tenant, "id": id})


def _is_near(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _checked(kind: type[S], body: bytes) -> S:
    try:
        return kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise Invalid(f"{kind.__name__.lower()}: {fault(error)}") from error


def _number(text: str, name: str) -> int:
    if not text.isdigit() or not int(text):
        raise Invalid(f"query parameter {name}={text!r}: must be a number over 0")
    return int(text)


def _tool(offer: Offer) -> JsonObject:
    declared = offer.tool.declaration
    return {
        "name": declared.name,
        "description": declared.description,
        "server": offer.provider.address,
        "version": declared.version,
        "owner": declared.owner,
        "risk": offer.tool.risk.value,
        "repeat": offer.tool.repeat.value,
        "timeout_seconds": declared.timeout.total_seconds(),
        "dedupe_window_seconds": declared.dedupe_window.total_seconds(),
        "settling_time_seconds": declared.settling_time.total_seconds(),
        "undoable": declared.undoable,
        "resource_argument": declared.resource_argument,
        "arguments_schema": offer.tool.arguments_schema,
        "result_schema": offer.tool.result_schema,
    }


def _entry(snapshot: Snapshot) -> JsonObject:
    assert snapshot.state is not None
    entry = Entry.load(snapshot.state)
    shown = entry.model_dump(mode="json", exclude_none=True)
    return {**shown, "action": entry.request.action, "updated_at": snapshot.updated_at.isoformat()}
