"""What the HTTP sides of the services share: keys, bounded bodies, problems (RFC 9457)."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from aivis.access import Grant, Keys
from aivis.errors import AivisError, http_status
from aivis.problems import Problem

log = structlog.get_logger()

_BODY_SECONDS = 30
"""For a body that is held in memory; a sender that trickles takes a place from others."""


def api(routes: Sequence[BaseRoute]) -> Starlette:
    """An application that answers every error as problem+json."""
    return Starlette(
        routes=routes,
        exception_handlers={
            AivisError: _ours,
            HTTPException: _http,
            ClientDisconnect: _gone,
            Exception: _unexpected,
        },
    )


def granted(request: Request, keys: Keys) -> Grant:
    """The grant of the request's key: `Authorization: Bearer KEY`, or `X-Api-Key: KEY`."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    key = rest.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
    if not key:
        detail = "no API key: send it as 'Authorization: Bearer KEY'"
        raise Problem(HTTPStatus.UNAUTHORIZED, detail, headers={"www-authenticate": "Bearer"})
    grant = keys.grant(key)
    if grant is None:
        detail = "this API key is not known here: ask the operator for one, or check that it was copied whole"
        raise Problem(HTTPStatus.UNAUTHORIZED, detail, headers={"www-authenticate": 'Bearer error="invalid_token"'})
    return grant


async def body_of(request: Request, *, limit: int, instead: str = "") -> bytes:
    """The body, of at most `limit` bytes; `instead` says what to do with a larger one."""
    refuse_larger(request, limit=limit, instead=instead)
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise too_large(limit, instead)
    except TimeoutError as error:
        detail = f"the body had not come in whole after {_BODY_SECONDS} s: send it again, at once"
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, detail) from error
    return bytes(body)


def refuse_larger(request: Request, *, limit: int, instead: str = "") -> None:
    """Refuse at once a body that says itself that it is too large."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large(limit, instead)


def too_large(limit: int, instead: str) -> Problem:
    detail = f"the body is larger than {limit} bytes" + (f": {instead}" if instead else "")
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


def too_busy(why: str, seconds: int) -> Problem:
    """Nothing of the request was read or kept; it may come again after `seconds`."""
    detail = (
        f"{why}: nothing was taken. Send the same again after {seconds} s (Retry-After);"
        " under the same event id it counts once"
    )
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, detail, headers={"retry-after": str(seconds)})


def number(request: Request, name: str, default: int, *, most: int) -> int:
    """The query parameter `name`, a whole number from 0 to `most`."""
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 12 and int(text) <= most):
        detail = f"query parameter {name}={text[:40]!r}: give a whole number from 0 to {most}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field=name)
    return int(text)


def problem_response(problem: Problem) -> Response:
    body: dict[str, object] = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
    }
    if problem.field:
        body["field"] = problem.field
    return JSONResponse(body, problem.status.value, headers=problem.headers, media_type="application/problem+json")


async def _ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, AivisError)
    if isinstance(error, Problem):
        return problem_response(error)
    status = http_status(error)
    headers = {"retry-after": "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return problem_response(Problem(status, str(error), headers=headers))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    where = f"{request.method} {request.url.path}"
    detail = {
        HTTPStatus.NOT_FOUND: f"{where}: there is no such address here",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{where}: this address does not know that method",
    }.get(HTTPStatus(error.status_code), f"{where}: {error.detail}")
    return problem_response(Problem(HTTPStatus(error.status_code), detail, headers=error.headers))


async def _gone(_: Request, error: Exception) -> Response:
    """Nobody is there any more to read this."""
    return problem_response(Problem(HTTPStatus.BAD_REQUEST, "the client left before its body had come in"))


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, error=repr(error))
    detail = "a fault of ours; it is in the log. Try again; the same event id or Idempotency-Key makes that safe"
    return problem_response(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail))
