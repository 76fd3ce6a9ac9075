"""Dead letters by HTTP, for operators: list, look at one whole, put back, drop. Every service has them."""

import base64
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aivis.errors import Invalid, NotFound
from aivis.events.envelope import JsonObject
from aivis.events.registry import fault
from aivis.mailbox.letters import Became, Heading, Kind, Outcome, Wanted
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.mending import Mending
from aivis.mailbox.values import Letter
from aivis.operator import guarded
from aivis.problems import Problem
from aivis.web import body_of, number

MOST = 1_000
"""Letters in one answer, and ids in one request."""
MOST_SECONDS = 30
"""For which a request may wait to see what becomes of messages that are put back."""
_ROW_IDS = 2**63
_LONGEST = 10**11 - 1
"""Of what `number` reads: letters' ids, and ages in seconds."""
_BODY_BYTES = 64 * 1024
W = TypeVar("W", bound="_Which")
_FILTERS = ("tenant", "topic", "key", "event", "reason")
_KNOWN = frozenset({*_FILTERS, "kind", "since", "older_than", "before", "limit"})


def routes(mailbox: Mailbox, token: str) -> list[Route]:
    """What operators ask for, under /v1/dead.

    `GET /v1/dead`, newest first, and `GET /v1/dead/count`, both with filters; `GET /v1/dead/{id}`;
    `POST /v1/dead/retry` and `/v1/dead/drop` for several; `POST /v1/dead/{id}/retry`.
    """
    letters = _Letters(mailbox)
    return [
        Route("/v1/dead", guarded(letters.list, token), methods=["GET"]),
        Route("/v1/dead/count", guarded(letters.count, token), methods=["GET"]),
        Route("/v1/dead/retry", guarded(letters.retry_several, token), methods=["POST"]),
        Route("/v1/dead/drop", guarded(letters.drop, token), methods=["POST"]),
        Route("/v1/dead/{id}", guarded(letters.show, token), methods=["GET"]),
        Route("/v1/dead/{id}/retry", guarded(letters.retry, token), methods=["POST"]),
    ]


class _Which(BaseModel):
    """The body of a request about several letters."""

    model_config = ConfigDict(extra="forbid")

    ids: tuple[Annotated[int, Field(ge=0, lt=_ROW_IDS)], ...] = Field(max_length=MOST)


class _Retry(_Which):
    seconds: float = Field(default=0, ge=0, le=MOST_SECONDS)
    """To wait at most for what becomes of the messages."""


class _Drop(_Which):
    by: str = Field(default="", max_length=200)
    """Who drops them; it goes into the log."""


class _Letters:
    def __init__(self, mailbox: Mailbox) -> None:
        self._service = mailbox.service
        self._store = mailbox.store
        self._mending = Mending(mailbox)

    async def list(self, request: Request) -> Response:
        limit = number(request, "limit", 100, most=MOST)
        return JSONResponse([_brief(each) for each in await self._store.letters(_wanted(request), limit=limit)])

    async def count(self, request: Request) -> Response:
        return JSONResponse(await self._store.count_letters(_wanted(request)))

    async def show(self, request: Request) -> Response:
        id = _id(request)
        letter = await self._store.letter(id)
        if letter is None:
            raise NotFound(f"{self._service} has no dead letter {id}")
        return JSONResponse(_whole(letter))

    async def retry(self, request: Request) -> Response:
        """Back into the inbox; 422 with the reason when it is still bad: it stays a letter then."""
        id = _id(request)
        [became] = await self._mending.retry([id])
        if became.outcome is Outcome.GONE:
            raise NotFound(f"{self._service} has no dead letter {id}")
        if became.outcome is Outcome.STILL_BAD:
            raise Invalid(f"letter {id} is still bad and stays where it is: {became.reason}")
        return JSONResponse({"id": id, "retried": True})

    async def retry_several(self, request: Request) -> Response:
        asked = _read(_Retry, await body_of(request, limit=_BODY_BYTES))
        return JSONResponse(_told(await self._mending.retry(asked.ids, seconds=asked.seconds)))

    async def drop(self, request: Request) -> Response:
        asked = _read(_Drop, await body_of(request, limit=_BODY_BYTES))
        peer = f"at {request.client.host}" if request.client is not None else ""
        by = f"{asked.by} {peer}".strip() or "not known"
        return JSONResponse(_told(await self._mending.drop(asked.ids, by=by)))


def _read(kind: type[W], body: bytes) -> W:
    """The request in a body, or `Invalid` with the field at fault."""
    try:
        return kind.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise Invalid(f"the body is not JSON: {error}") from error
    except ValidationError as error:
        raise Invalid(fault(error)) from error


def _wanted(request: Request) -> Wanted:
    """The filters of the query; `Problem` for one that is not known or cannot be."""
    query = request.query_params
    if unknown := sorted(query.keys() - _KNOWN):
        detail = f"query parameter {unknown[0][:40]!r} is not known: known are {', '.join(sorted(_KNOWN))}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field=unknown[0][:40])
    return Wanted(
        **{name: query.get(name, "") for name in _FILTERS},
        kind=_kind(query.get("kind", "")),
        younger=_age(request, "since"),
        older=_age(request, "older_than"),
        before=number(request, "before", 0, most=_LONGEST),
    )


def _kind(text: str) -> Kind | None:
    try:
        return Kind(text) if text else None
    except ValueError as error:
        detail = f"query parameter kind={text[:40]!r}: give one of {', '.join(Kind)}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field="kind") from error


def _age(request: Request, name: str) -> int | None:
    """Whole seconds."""
    return number(request, name, 0, most=_LONGEST) if name in request.query_params else None


def _id(request: Request) -> int:
    text = request.path_params["id"]
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < _ROW_IDS):
        raise Invalid(f"{text[:40]!r} is no letter's id: it is a number that GET /v1/dead lists")
    return int(text)


def _told(became: Sequence[Became]) -> list[JsonObject]:
    return [each._asdict() for each in became]


def _brief(letter: Heading) -> JsonObject:
    return {
        "id": letter.id,
        "kind": letter.kind,
        "topic": letter.topic,
        "reason": letter.reason,
        "tenant": letter.tenant,
        "key": letter.key,
        "event": letter.event_id,
        "at": letter.at.isoformat(),
        "bytes": letter.size,
    }


def _whole(letter: Letter) -> JsonObject:
    headers = [[name, *_shown(value)] for name, value in letter.headers]
    value, encoding = _shown(letter.value)
    return {**_brief(_heading(letter)), "headers": headers, "value": value, "value_encoding": encoding}


def _heading(letter: Letter) -> Heading:
    assert letter.at is not None, "a letter that is kept has its time"
    where = (letter.topic, letter.tenant, letter.key)
    return Heading(letter.id, letter.event_id, *where, letter.reason, letter.at, len(letter.value))


def _shown(value: bytes) -> tuple[str, str]:
    """The bytes as text with its encoding: UTF-8 where they are that, base64 otherwise."""
    try:
        return value.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(value).decode(), "base64"
