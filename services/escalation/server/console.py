"""The experts' pages: server-rendered, plain forms, no scripts."""

import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from aivis.access import Grant
from aivis.errors import AivisError, http_status
from aivis.events.envelope import JsonObject, Payload
from aivis.problems import Problem
from aivis.web import body_of
from services.escalation.entry import Place
from services.escalation.pages.rendering import STYLE, render
from services.escalation.server.api import MAX_BODY_BYTES, check_judgement, figures_of
from services.escalation.server.commands import command, made_up
from services.escalation.server.finding import Case, find, find_action, log_of, queue
from services.escalation.server.means import Means
from services.escalation.server.wording import OF_A_CASE, Word, of_an_action
from services.escalation.sessions import Session, begin, form_is_ours, form_token, resume
from services.escalation.timeline import timeline

COOKIE = "aivis_session"
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
_LISTED = 200
_MOST_FIELDS = 50


class NotSignedIn(AivisError):
    """The page needs a session."""


class Console:
    """Serves the pages."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._store = means.mailbox.store

    def routes(self) -> list[BaseRoute]:
        routes = [
            Route("/", self.home),
            Route("/style.css", self.style),
            Route("/login", self.login),
            Route("/login", self.sign_in, methods=["POST"]),
            Route("/logout", self.sign_out, methods=["POST"]),
            Route("/queue", self.queue),
            Route("/cases/{case}", self.case),
            Route("/cases/{case}/{verb}", self.on_case, methods=["POST"]),
            Route("/actions/{action}/{verb}", self.on_action, methods=["POST"]),
        ]
        handlers: dict[Any, Any] = {NotSignedIn: _to_login, AivisError: self._sorry}
        return [Mount("/", app=Starlette(routes=routes, exception_handlers=handlers))]

    async def home(self, _: Request) -> Response:
        return RedirectResponse("/queue", HTTPStatus.SEE_OTHER)

    async def style(self, _: Request) -> Response:
        return Response(STYLE, media_type="text/css", headers={"cache-control": "max-age=300"})

    async def login(self, request: Request) -> Response:
        return _page("login.html", next=_local(request.query_params.get("next", "")), error="")

    async def sign_in(self, request: Request) -> Response:
        """A key opens a session; the key itself is not kept in the browser."""
        form = await _form(request)
        target = _local(form.get("next", ""))
        grant = self._means.keys.grant(form.get("key", "").strip())
        if grant is None:
            error = "This key is not known here. Ask the operator for one, or check that it was copied whole."
            return _page("login.html", HTTPStatus.UNAUTHORIZED, next=target, error=error)
        session = begin(grant.name, now=datetime.now(UTC), lasts=self._means.session, secret=self._means.secret)
        answer = RedirectResponse(target, HTTPStatus.SEE_OTHER)
        age, secure = int(self._means.session.total_seconds()), request.url.scheme == "https"
        answer.set_cookie(COOKIE, session.token, max_age=age, httponly=True, samesite="lax", secure=secure)
        return answer

    async def sign_out(self, request: Request) -> Response:
        await self._own_form(request)
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(COOKIE)
        return answer

    async def queue(self, request: Request) -> Response:
        session, who = self._signed_in(request)
        shown = request.query_params.get("place", "")
        places = [Place(shown)] if shown in set(Place) else [Place.OPEN, Place.TAKEN]
        found = await queue(self._store, who, places, limit=_LISTED)
        about = {"cases": found, "shown": shown, "places": [*Place], "figures": await figures_of(self._means, who)}
        return _page("queue.html", **self._frame(session, who), **about)

    async def case(self, request: Request) -> Response:
        session, who = self._signed_in(request)
        return await self._show(session, who, await find(self._store, who, request.path_params["case"]))

    async def on_case(self, request: Request) -> Response:
        session, who, form = await self._own_form(request)
        verb = request.path_params["verb"]
        case = await find(self._store, who, request.path_params["case"])
        if verb not in OF_A_CASE:
            raise Problem(HTTPStatus.NOT_FOUND, f"{verb!r} is nothing that can be done with a case")
        try:
            said = _said(form)
            await check_judgement(self._means, case, verb, said)
            data = OF_A_CASE[verb](said, who.name)
        except Problem as problem:
            return await self._show(session, who, case, refusal=problem)
        return await self._carry_out(session, who, case, data, form)

    async def on_action(self, request: Request) -> Response:
        session, who, form = await self._own_form(request)
        word = Word(request.path_params["verb"], request.path_params["action"], _said(form), who.name)
        case = await find_action(self._store, who, word.action)
        try:
            data = of_an_action(word, case.entry)
        except Problem as problem:
            return await self._show(session, who, case, refusal=problem)
        return await self._carry_out(session, who, case, data, form)

    async def _carry_out(
        self, session: Session, who: Grant, case: Case, data: Payload, form: dict[str, str]
    ) -> Response:
        mailbox, seconds = self._means.mailbox, self._means.answer_seconds
        given = made_up(data, form.get("nonce", ""))
        _, answer = await command(mailbox, case.key, data, given=given, seconds=seconds)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            now = await find(self._store, who, case.key.name)
            return await self._show(session, who, now, refusal=Problem(HTTPStatus(answer.status), answer.detail))
        return RedirectResponse(f"/cases/{case.key.name}", HTTPStatus.SEE_OTHER)

    async def _show(self, session: Session, who: Grant, case: Case, *, refusal: Problem | None = None) -> Response:
        steps = timeline(await log_of(self._store, case.key))
        error = "" if refusal is None else f"{refusal.field}: {refusal.detail}" if refusal.field else refusal.detail
        status = HTTPStatus.OK if refusal is None else refusal.status
        about = {"case": case, "entry": case.entry, "steps": steps, "error": error}
        return _page("case.html", status, **self._frame(session, who), **about)

    def _signed_in(self, request: Request) -> tuple[Session, Grant]:
        now = datetime.now(UTC)
        session = resume(request.cookies.get(COOKIE, ""), now=now, secret=self._means.secret)
        grant = None if session is None else self._means.keys.named(session.expert)
        if session is None or grant is None:
            raise NotSignedIn(request.url.path)
        return session, grant

    async def _own_form(self, request: Request) -> tuple[Session, Grant, dict[str, str]]:
        """The form of a signed-in expert, sent by a page of ours."""
        session, who = self._signed_in(request)
        form = await _form(request)
        if not form_is_ours(form.get("form_token", ""), session, self._means.secret):
            raise Problem(
                HTTPStatus.FORBIDDEN, "this form is not of your session: go back, load the page, send it again"
            )
        return session, who, form

    def _frame(self, session: Session, who: Grant) -> dict[str, Any]:
        """What every page shows, and what its forms carry."""
        return {
            "expert": who.name,
            "tenants": who.tenants,
            "form_token": form_token(session, self._means.secret),
            "nonce": secrets.token_hex(8),
            "now": datetime.now(UTC),
        }

    async def _sorry(self, _: Request, error: Exception) -> Response:
        assert isinstance(error, AivisError)
        status = error.status if isinstance(error, Problem) else http_status(error)
        return _page("sorry.html", status, status=status, detail=str(error))


async def _to_login(request: Request, _: Exception) -> Response:
    target = request.url.path if request.method == "GET" else "/queue"
    return RedirectResponse(f"/login?next={target}", HTTPStatus.SEE_OTHER)


def _page(name: str, status: HTTPStatus = HTTPStatus.OK, /, **about: Any) -> Response:
    return HTMLResponse(render(name, about), status, headers=_HEADERS)


def _local(target: str) -> str:
    """Where to go after signing in: an address of ours, or the queue."""
    return (
        target if target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable() else "/queue"
    )


async def _form(request: Request) -> dict[str, str]:
    """A form's fields. Browsers say where it comes from: another site's is refused."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(HTTPStatus.FORBIDDEN, "this form was sent by another site")
    body = await body_of(request, limit=MAX_BODY_BYTES)
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        detail = f"a form here has at most {_MOST_FIELDS} fields"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field="(body)") from error


def _said(form: dict[str, str]) -> JsonObject:
    """What the expert filled in. `inputs` are lines of `name = value`; a box that is not ticked does not come."""
    said: JsonObject = {name: value.strip() for name, value in form.items() if name not in ("form_token", "nonce")}
    if "inputs" in said:
        lines = [line for line in said["inputs"].splitlines() if line.strip()]
        bad = [line for line in lines if "=" not in line]
        if bad:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{bad[0][:80]!r}: write name = value", field="inputs")
        said["inputs"] = {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}
    if "ends" in said:
        said["resolves"] = said.pop("ends") == "yes"
    return said
