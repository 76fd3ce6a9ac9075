"""Takes documents in by HTTP, for `aivis ingest`: durable in the mailbox when the answer is 202."""

import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aivis import identity
from aivis.artifacts import ArtifactStore
from aivis.errors import Invalid, Refused
from aivis.events.envelope import MAX_PAYLOAD_BYTES, Event, Head, Payload, body, headers_of
from aivis.events.knowledge import DocumentPublished, DocumentWithdrawn
from aivis.events.registry import fault
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.values import Arrival, Key
from aivis.topics import KNOWLEDGE


@dataclass(frozen=True)
class Intake:
    """`PUT` and `DELETE /v1/tenants/{tenant}/documents/{document}`; the body of a PUT is a DocumentPublished."""

    mailbox: Mailbox
    artifacts: ArtifactStore
    token: str
    """What callers must give as bearer token; empty: only this machine is answered."""
    max_bytes: int
    now: Callable[[], datetime]

    def routes(self) -> list[Route]:
        path = "/v1/tenants/{tenant}/documents/{document:path}"
        return [Route(path, self.publish, methods=["PUT"]), Route(path, self.withdraw, methods=["DELETE"])]

    async def publish(self, request: Request) -> Response:
        self._admit(request)
        tenant, document = request.path_params["tenant"], request.path_params["document"]
        content = b""
        async for chunk in request.stream():
            content += chunk
            if len(content) > self.max_bytes:
                detail = f"document {document!r} is larger than {self.max_bytes} bytes: divide it"
                return JSONResponse({"title": "too large", "status": 413, "detail": detail}, status_code=413)
        published = _published(content, document)
        if len(content) > MAX_PAYLOAD_BYTES // 2:
            kept = await self.artifacts.put(tenant, published.text.encode(), media_type=published.media_type)
            published = published.model_copy(update={"text": "", "content": kept})
        return await self._accept(tenant, document, published, digest=hashlib.sha256(content).hexdigest())

    async def withdraw(self, request: Request) -> Response:
        self._admit(request)
        tenant, document = request.path_params["tenant"], request.path_params["document"]
        return await self._accept(tenant, document, DocumentWithdrawn(document=document), digest="withdrawn")

    def _admit(self, request: Request) -> None:
        if self.token:
            given = request.headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, f"Bearer {self.token}".encode()):
                raise Refused("the header Authorization must be: Bearer and the value of AIVIS_RETRIEVER_TOKEN")
        elif request.client is None or not _is_near(request.client.host):
            raise Refused("only callers on this machine are answered: set AIVIS_RETRIEVER_TOKEN for others")

    async def _accept(self, tenant: str, document: str, data: Payload, *, digest: str) -> Response:
        time = self.now()
        event = Event(
            id=identity.derived("document", tenant, document, digest, time.isoformat()),
            type=data.TYPE,
            source="retriever",
            tenant=tenant,
            case=document,
            time=time,
            data=data,
        )
        headers = headers_of(event)
        Head.read(headers, where=f"document {document!r} of tenant {tenant!r}")
        await self.mailbox.receive([Arrival(event.id, Key(tenant, document), KNOWLEDGE.name, headers, body(data))])
        return JSONResponse({"event": event.id, "document": document}, status_code=202)


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _published(content: bytes, document: str) -> DocumentPublished:
    try:
        read = DocumentPublished.model_validate_json(content)
    except ValidationError as error:
        raise Invalid(f"document {document!r}: {fault(error)}") from error
    if read.document != document:
        raise Invalid(f"field document: {read.document!r} is not {document!r}, as the address says")
    return read
