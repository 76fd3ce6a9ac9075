"""Knowledge: documents on their way into the index."""

from typing import ClassVar

from pydantic import Field

from aivis.events.envelope import Payload
from aivis.events.tickets import Artifact


class DocumentPublished(Payload):
    """A document, new or in a new version. The event's case is the document's id."""

    TYPE: ClassVar[str] = "aivis.document.published"

    document: str = Field(min_length=1, max_length=200)
    title: str = Field(max_length=1_000)
    text: str = ""
    content: Artifact | None = None
    """Instead of `text`, when it is large."""
    media_type: str = "text/markdown"
    """`text/markdown` or `text/html`."""
    source: str
    language: str = "en"


class DocumentWithdrawn(Payload):
    """A document that is not to be cited any more."""

    TYPE: ClassVar[str] = "aivis.document.withdrawn"

    document: str
