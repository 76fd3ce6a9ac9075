"""Dead letters by HTTP, for operators: list, look at one whole, put one back. Every service with a mailbox has them."""

import base64

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aivis.errors import Invalid, NotFound
from aivis.events.envelope import JsonObject
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.values import Letter
from aivis.operator import guarded
from aivis.web import number

_MOST = 1_000
_ROW_IDS = 2**63


def routes(mailbox: Mailbox, token: str) -> list[Route]:
    """`GET /v1/dead`, newest first; `GET /v1/dead/{id}`; `POST /v1/dead/{id}/retry`."""
    letters = _Letters(mailbox)
    return [
        Route("/v1/dead", guarded(letters.list, token), methods=["GET"]),
        Route("/v1/dead/{id}", guarded(letters.show, token), methods=["GET"]),
        Route("/v1/dead/{id}/retry", guarded(letters.retry, token), methods=["POST"]),
    ]


class _Letters:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def list(self, request: Request) -> Response:
        limit = number(request, "limit", 100, most=_MOST)
        return JSONResponse([_brief(letter) for letter in await self._mailbox.store.letters(limit=limit)])

    async def show(self, request: Request) -> Response:
        id = _id(request)
        letter = await self._mailbox.store.letter(id)
        if letter is None:
            raise NotFound(f"{self._mailbox.service} has no dead letter {id}")
        return JSONResponse(_whole(letter))

    async def retry(self, request: Request) -> Response:
        """Back into the inbox; 422 with the reason when it is still bad: it stays a letter then."""
        id = _id(request)
        still_bad = await self._mailbox.retry([id])
        if still_bad:
            raise Invalid(f"letter {id} is still bad and stays where it is: {still_bad[id]}")
        return JSONResponse({"id": id, "retried": True})


def _id(request: Request) -> int:
    text = request.path_params["id"]
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < _ROW_IDS):
        raise Invalid(f"{text[:40]!r} is no letter's id: it is a number that GET /v1/dead lists")
    return int(text)


def _brief(letter: Letter) -> JsonObject:
    return {
        "id": letter.id,
        "kind": "buried" if letter.event_id else "quarantined",
        "topic": letter.topic,
        "reason": letter.reason,
        "tenant": letter.tenant,
        "key": letter.key,
        "event": letter.event_id,
        "at": None if letter.at is None else letter.at.isoformat(),
        "bytes": len(letter.value),
    }


def _whole(letter: Letter) -> JsonObject:
    headers = [[name, *_shown(value)] for name, value in letter.headers]
    value, encoding = _shown(letter.value)
    return {**_brief(letter), "headers": headers, "value": value, "value_encoding": encoding}


def _shown(value: bytes) -> tuple[str, str]:
    """The bytes as text with its encoding: UTF-8 where they are that, base64 otherwise."""
    try:
        return value.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(value).decode(), "base64"
