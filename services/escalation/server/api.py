"""The experts' API under /v1."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aivis.access import Grant
from aivis.events.envelope import JsonObject, Payload
from aivis.problems import Problem
from aivis.web import body_of, granted, number
from services.escalation import figures
from services.escalation.entry import Approval, Doubt, Place
from services.escalation.server.commands import command, made_up
from services.escalation.server.finding import Case, find, find_action, log_of, queue
from services.escalation.server.means import Means
from services.escalation.server.wording import OF_A_CASE, Word, of_an_action
from services.escalation.timeline import can_be_judged, timeline

MAX_BODY_BYTES = 256 * 1024
_ALL_TIME = datetime.fromtimestamp(0, UTC)


class Api:
    """Answers experts' programs, the command line among them."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._store = means.mailbox.store

    def routes(self) -> list[Route]:
        return [
            Route("/escalations", self.list_escalations),
            Route("/escalations/{case}", self.get_escalation),
            Route("/escalations/{case}/{verb}", self.on_case, methods=["POST"]),
            Route("/approvals", self.list_approvals),
            Route("/approvals/{action}/{verb}", self.on_action, methods=["POST"]),
            Route("/figures", self.get_figures),
        ]

    async def list_escalations(self, request: Request) -> Response:
        """Cases in the places that `status` names; without it those that wait or that somebody has."""
        who = granted(request, self._means.keys)
        found = await queue(self._store, who, _places(request), limit=number(request, "limit", 100, most=500))
        return JSONResponse({"escalations": [brief(case) for case in found]})

    async def get_escalation(self, request: Request) -> Response:
        """The case with all that an expert needs: summary, what waits, and the timeline."""
        case = await find(self._store, granted(request, self._means.keys), request.path_params["case"])
        steps = timeline(await log_of(self._store, case.key))
        told = {
            "text": case.entry.text,
            "approvals": [_approval(one) for one in case.entry.approvals],
            "unsettled": [_doubt(one) for one in case.entry.doubts],
            "timeline": [step.model_dump(mode="json") for step in steps],
        }
        return JSONResponse({**brief(case), **told})

    async def list_approvals(self, request: Request) -> Response:
        """Everything that waits for an expert's yes, or for an expert to find out what happened."""
        who = granted(request, self._means.keys)
        found = await queue(self._store, who, [Place.OPEN, Place.TAKEN], limit=number(request, "limit", 200, most=500))
        return JSONResponse(
            {
                "approvals": [
                    {**_of(case), **_approval(one)} for case in found for one in case.entry.pending_approvals
                ],
                "unsettled": [{**_of(case), **_doubt(one)} for case in found for one in case.entry.pending_doubts],
            }
        )

    async def on_case(self, request: Request) -> Response:
        who = granted(request, self._means.keys)
        verb = request.path_params["verb"]
        if verb not in OF_A_CASE:
            raise Problem(HTTPStatus.NOT_FOUND, f"{verb!r} is none of {', '.join(OF_A_CASE)}")
        said = await _said(request)
        case = await find(self._store, who, request.path_params["case"])
        await check_judgement(self._means, case, verb, said)
        return await self._carry_out(request, case, OF_A_CASE[verb](said, who.name))

    async def on_action(self, request: Request) -> Response:
        who = granted(request, self._means.keys)
        verb, action = request.path_params["verb"], request.path_params["action"]
        if verb not in ("approve", "deny", "settle"):
            raise Problem(HTTPStatus.NOT_FOUND, f"{verb!r} is none of approve, deny, settle")
        said = await _said(request)
        case = await find_action(self._store, who, action)
        return await self._carry_out(request, case, of_an_action(Word(verb, action, said, who.name), case.entry))

    async def get_figures(self, request: Request) -> Response:
        """The business figures of the expert's tenants; with `days`, of the cases opened in that time."""
        return JSONResponse(await figures_of(self._means, granted(request, self._means.keys), _since(request)))

    async def _carry_out(self, request: Request, case: Case, data: Payload) -> Response:
        given = request.headers.get("idempotency-key", "") or made_up(data, str(case.version))
        mailbox, seconds = self._means.mailbox, self._means.answer_seconds
        id, answer = await command(mailbox, case.key, data, given=given, seconds=seconds)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise Problem(HTTPStatus(answer.status), answer.detail)
        told = {"case": case.key.name, "command": id, "done": answer.status == HTTPStatus.OK, "detail": answer.detail}
        return JSONResponse(told, answer.status)


async def check_judgement(means: Means, case: Case, verb: str, said: JsonObject) -> None:
    """A judgement is about something that the case has."""
    about = said.get("about")
    if verb != "judge" or not about or about in (*case.entry.escalations, *case.entry.record.acts):
        return
    if not can_be_judged(await log_of(means.mailbox.store, case.key), str(about)):
        detail = f"about {about!r}: the case has no decision, action, reply or escalation of that id"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field="about")


async def figures_of(means: Means, who: Grant, since: datetime = _ALL_TIME) -> JsonObject:
    """The figures, with every case that this process has seen change."""
    await means.bookkeeper.keep(means.mailbox.store)
    groups = await means.figures.groups(who.tenants, since=since)
    return figures.business(groups, await means.figures.spread(who.tenants, since=since))


def brief(case: Case) -> JsonObject:
    """How a case stands for experts."""
    entry = case.entry
    escalation = entry.escalation
    return {
        **_of(case),
        "place": entry.place,
        "status": entry.status,
        "owner": entry.owner,
        "claim": entry.claim,
        "outcome": entry.outcome.model_dump(mode="json") if entry.outcome else None,
        "waits_since": entry.waits_since.isoformat() if entry.waits_since else None,
        "overdue": entry.late.model_dump(mode="json") if entry.late else None,
        "escalation": escalation.model_dump(mode="json") if escalation else None,
        "pending_approvals": len(entry.pending_approvals),
        "pending_unsettled": len(entry.pending_doubts),
        "opened_at": entry.opened_at.isoformat() if entry.opened_at else None,
    }


def _of(case: Case) -> JsonObject:
    entry = case.entry
    return {
        "case": case.key.name,
        "tenant": case.key.tenant,
        "ticket": entry.ticket,
        "source": entry.source,
        "customer": entry.customer,
        "subject": entry.subject,
    }


def _approval(approval: Approval) -> JsonObject:
    return approval.model_dump(mode="json")


def _doubt(doubt: Doubt) -> JsonObject:
    return doubt.model_dump(mode="json")


def _places(request: Request) -> list[Place]:
    names = [name for name in request.query_params.get("status", "open,taken").split(",") if name]
    try:
        return [Place(name) for name in names]
    except ValueError as error:
        detail = f"query parameter status={','.join(names)[:80]!r}: give some of {', '.join(Place)}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field="status") from error


def _since(request: Request) -> datetime:
    days = number(request, "days", 0, most=36_500)
    return datetime.now(UTC) - timedelta(days=days) if days else _ALL_TIME


async def _said(request: Request) -> JsonObject:
    """The body: a JSON object, or nothing."""
    body = await body_of(request, limit=MAX_BODY_BYTES)
    if not body.strip():
        return {}
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        detail = f"Content-Type {media or '(none)'!r} is not taken here: send application/json"
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from error
    if not isinstance(said, dict):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the body must be a JSON object", field="(body)")
    return said
