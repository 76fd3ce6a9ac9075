"""Tickets, messages and states by HTTP: 202 once they are durable."""

from datetime import UTC, datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aivis import identity
from aivis.access import Grant, Keys
from aivis.artifacts import ArtifactStore
from aivis.events.envelope import headers_of
from aivis.events.tickets import Artifact, MessageSubmitted, StateSubmitted, TicketSubmitted
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.values import Arrival, Key, Receipt
from aivis.problems import Problem
from aivis.web import body_of, granted
from services.gateway import cloudevents, metrics
from services.gateway.admission import Admission, Place
from services.gateway.consumer import inbox_id
from services.gateway.normalising import Submitted
from services.gateway.server.finding import Finding
from services.gateway.submitting import Submission, submission

MAX_BODY_BYTES = 1024 * 1024
_INSTEAD = "send what is long by POST /v1/attachments and name it in attachments"
_READABLE_SECONDS = 1.0
"""How long an answer waits, at most, so that what was sent can be read at once. It is durable before."""


class Tickets:
    """Takes submissions in."""

    def __init__(
        self, mailbox: Mailbox, finding: Finding, artifacts: ArtifactStore, keys: Keys, admission: Admission
    ) -> None:
        self._mailbox = mailbox
        self._finding = finding
        self._artifacts = artifacts
        self._keys = keys
        self._admission = admission

    def routes(self) -> list[Route]:
        return [
            Route("/tickets", self.post_ticket, methods=["POST"]),
            Route("/tickets/{id}/messages", self.post_message, methods=["POST"]),
            Route("/tickets/{id}/state", self.post_state, methods=["POST"]),
        ]

    async def post_ticket(self, request: Request) -> Response:
        who = granted(request, self._keys)
        with self._admission.submission(who) as place:
            sent = await self._read(request, TicketSubmitted, who, ticket="")
            await self._check_attachments(who.tenants[0], sent)
            case = identity.case_id(who.tenants[0], who.source, sent.event.case)
            return await self._accept(sent, Key(who.tenants[0], case), place)

    async def post_message(self, request: Request) -> Response:
        return await self._follow(request, MessageSubmitted)

    async def post_state(self, request: Request) -> Response:
        return await self._follow(request, StateSubmitted)

    async def _follow(self, request: Request, kind: type[Submitted]) -> Response:
        who = granted(request, self._keys)
        with self._admission.submission(who) as place:
            key, ticket = await self._finding.find(who, request.path_params["id"])
            sent = await self._read(request, kind, who, ticket=ticket.ticket)
            return await self._accept(sent, key, place)

    async def _read(self, request: Request, kind: type[Submitted], who: Grant, *, ticket: str) -> Submission:
        body = await body_of(request, limit=MAX_BODY_BYTES, instead=_INSTEAD)
        return submission(
            kind,
            cloudevents.read(request.headers, body),
            who,
            ticket=ticket,
            now=datetime.now(UTC),
        )

    async def _check_attachments(self, tenant: str, sent: Submission) -> None:
        attachments: tuple[Artifact, ...] = getattr(sent.event.data, "attachments", ())
        for place, artifact in enumerate(attachments):
            if not await self._artifacts.has(tenant, artifact):
                raise Problem(
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                    f"attachments.{place}: {artifact.digest[:80]!r} of {artifact.size} bytes was not uploaded:"
                    " POST /v1/attachments first and give its answer here",
                    field=f"attachments.{place}.digest",
                )

    async def _accept(self, sent: Submission, key: Key, place: Place) -> Response:
        event = sent.event
        arrival = Arrival(inbox_id(event.source, event.id), key, "http", headers_of(event), sent.value)
        with self._mailbox.watch.on(key) as bell:
            receipt = await self._mailbox.receive_one(arrival)
            place.leave()
            metrics.ACCEPT_SECONDS.labels(event.source).observe(place.seconds)
            metrics.ACCEPTED.labels(receipt.value).inc()
            if receipt is Receipt.CONFLICT:
                raise Problem(
                    HTTPStatus.CONFLICT,
                    f"event {sent.id} came in before with another body: send new content under a new id",
                    field="id",
                )
            if receipt is Receipt.NEW:
                self._finding.remember(key, event)
                self._admission.accepted(key.tenant)
                await bell.wait(_READABLE_SECONDS)
        return _accepted(sent, key)


def _accepted(sent: Submission, key: Key) -> Response:
    address = f"/v1/tickets/{key.name}"
    body = {"case": key.name, "ticket": sent.event.case, "event": sent.id, "status_url": address}
    return JSONResponse(body, HTTPStatus.ACCEPTED, headers={"location": address})
