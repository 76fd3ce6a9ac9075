"""Cases by HTTP, for operators and the command line: what is known, what was decided, what is waited for."""

import asyncio
from time import monotonic

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aivis.errors import Invalid, NotFound
from aivis.events import registry
from aivis.events.envelope import JsonObject
from aivis.events.replies import Status
from aivis.mailbox.ports import Store
from aivis.mailbox.values import Key, LogRow
from aivis.operator import guarded
from services.reasoner import folding
from services.reasoner.case import Case

_LONGEST_WAIT = 30.0


class CaseServer:
    """Reads cases for operators; changes nothing."""

    def __init__(self, store: Store, token: str) -> None:
        self._store = store
        self._token = token

    def routes(self) -> list[Route]:
        return [
            Route("/v1/tenants/{tenant}/cases", guarded(self._list, self._token)),
            Route("/v1/tenants/{tenant}/cases/{case}", guarded(self._get, self._token)),
            Route("/v1/tenants/{tenant}/cases/{case}/events", guarded(self._events, self._token)),
        ]

    async def _list(self, request: Request) -> Response:
        labels = [status for status in request.query_params.get("status", "").split(",") if status]
        unknown = set(labels) - {status.value for status in Status}
        if unknown:
            raise Invalid(f"status {', '.join(unknown)} is none of {', '.join(Status)}")
        limit = _number(request, "limit", 50, most=500)
        found = await self._store.find(tenant=request.path_params["tenant"], labels=labels, limit=limit)
        return JSONResponse([_brief(folding.load(snapshot.state)) for snapshot in found if snapshot.state])

    async def _get(self, request: Request) -> Response:
        case = await self._case(_key(request))
        return JSONResponse(case.model_dump(mode="json"))

    async def _events(self, request: Request) -> Response:
        """The log after sequence `after`; with `wait`, up to so many seconds until there is something."""
        key = _key(request)
        await self._case(key)
        after = _number(request, "after", 0, most=2**31)
        until = monotonic() + _number(request, "wait", 0, most=int(_LONGEST_WAIT))
        while True:
            found = await self._store.log(key, after=after, limit=500)
            if found or monotonic() >= until:
                return JSONResponse([_entry(row) for row in found])
            await asyncio.sleep(0.2)

    async def _case(self, key: Key) -> Case:
        snapshot = await self._store.read(key)
        if snapshot is None or snapshot.state is None:
            raise NotFound(f"tenant {key.tenant} has no case {key.name}")
        return folding.load(snapshot.state)


def _key(request: Request) -> Key:
    return Key(request.path_params["tenant"], request.path_params["case"])


def _number(request: Request, name: str, default: int, *, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or int(text) > most:
        raise Invalid(f"query parameter {name}={text!r}: give a whole number from 0 to {most}")
    return int(text)


def _brief(case: Case) -> JsonObject:
    plan = case.plan
    return {
        "case": case.id,
        "ticket": case.ticket.ticket,
        "subject": case.ticket.subject,
        "status": case.status,
        "owner": case.owner,
        "outcome": case.outcome,
        "classification": plan.classification.model_dump(mode="json") if plan else None,
        "subtasks": [trajectory.subtask.goal for trajectory in case.trajectories],
        "step": _step(case),
        "sequence": case.sequence,
    }


def _step(case: Case) -> str:
    """What is going on now, in a few words."""
    if case.waiting:
        return ", ".join(f"{attempt.action.tool}: {attempt.waits_for}" for attempt in case.waiting)
    if case.plan_request is not None:
        return "planning"
    if case.escalation is not None:
        return f"{case.escalation.reason}: {case.escalation.summary.problem}"
    findings = [trajectory.ended.finding for trajectory in case.trajectories if trajectory.ended]
    return findings[-1] if findings else ""


def _entry(row: LogRow) -> JsonObject:
    event = registry.decode(row.headers, row.value, where="log")
    return {
        "sequence": row.sequence,
        "type": event.type,
        "time": event.time.isoformat(),
        "id": event.id,
        "causation": event.causation,
        "data": orjson.loads(row.value),
    }
