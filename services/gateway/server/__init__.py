"""The gateway by HTTP: tickets come in, outcomes go out.

Open first: tickets.py (what is taken), then reading.py and streaming.py (what is answered).
"""

from dataclasses import dataclass

from starlette.routing import BaseRoute, Mount

from aivis.access import Keys
from aivis.artifacts import ArtifactStore
from aivis.mailbox.mailbox import Mailbox
from aivis.web import api
from services.gateway.admission import Admission
from services.gateway.server.attachments import Attachments
from services.gateway.server.finding import Finding
from services.gateway.server.reading import Reading
from services.gateway.server.streaming import Streaming
from services.gateway.server.tickets import Tickets


@dataclass(frozen=True)
class Means:
    """What the server works with."""

    mailbox: Mailbox
    artifacts: ArtifactStore
    keys: Keys
    admission: Admission
    heartbeat: float
    """Seconds."""


def routes(means: Means) -> list[BaseRoute]:
    """Everything under /v1."""
    finding = Finding(means.mailbox.store)
    reading = Reading(means.mailbox.store, finding, means.keys, means.admission)
    return [
        Mount(
            "/v1",
            app=api(
                [
                    *Attachments(means.artifacts, means.keys, means.admission).routes(),
                    *Tickets(means.mailbox, finding, means.artifacts, means.keys, means.admission).routes(),
                    *reading.routes(),
                    *Streaming(means.mailbox, reading, means.heartbeat).routes(),
                ]
            ),
        )
    ]
