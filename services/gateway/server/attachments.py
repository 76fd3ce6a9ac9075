"""Attachments: streamed into the artifact store, never whole in memory."""

from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aivis.access import Keys
from aivis.artifacts import MAX_ARTIFACT_BYTES, ArtifactStore
from aivis.problems import Problem
from aivis.web import granted, refuse_larger, too_large
from services.gateway import metrics
from services.gateway.admission import Admission

_INSTEAD = "split it, or leave it where it is and send a link"


class Attachments:
    """Takes attachments in."""

    def __init__(self, artifacts: ArtifactStore, keys: Keys, admission: Admission) -> None:
        self._artifacts = artifacts
        self._keys = keys
        self._admission = admission

    def routes(self) -> list[Route]:
        return [Route("/attachments", self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        """Keep the body, whatever it is; the answer is the reference to put into a ticket's `attachments`."""
        who = granted(request, self._keys)
        refuse_larger(request, limit=MAX_ARTIFACT_BYTES, instead=_INSTEAD)
        name = request.query_params.get("name", "")
        if len(name) > 255 or not name.isprintable():
            detail = "query parameter name: at most 255 printable characters"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field="name")
        media_type = request.headers.get("content-type", "application/octet-stream")[:200]
        with self._admission.submission(who):
            kept = await self._artifacts.put_stream(who.tenants[0], _bounded(request), media_type=media_type, name=name)
        if kept.size == 0:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the body is empty: send the attachment's bytes as they are")
        metrics.ATTACHMENT_BYTES.inc(kept.size)
        return JSONResponse(kept.model_dump(mode="json"), HTTPStatus.CREATED)


async def _bounded(request: Request) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_ARTIFACT_BYTES:
            raise too_large(MAX_ARTIFACT_BYTES, _INSTEAD)
        yield chunk
