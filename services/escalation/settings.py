"""The escalation service's settings, `AIVIS_ESCALATION_...`."""

from typing import ClassVar

from pydantic import Field

from aivis.access import Grant
from aivis.settings import ServiceSettings


class EscalationSettings(ServiceSettings):
    PART: ClassVar[str] = "escalation"

    keys: tuple[Grant, ...] = ()
    """API keys, by their hashes; those of role `expert` are this service's, each with the tenants it may see."""
    session_secret: str = Field(default="", repr=False)
    """Signs the pages' sessions. Empty: one is made up at start, and a restart signs everybody out."""
    session_hours: float = Field(default=10, gt=0, le=168)
    answer_seconds: float = Field(default=10, gt=0, le=60)
    """How long a request waits for its command to be carried out, before it answers that it will be."""
    figures_seconds: float = Field(default=5, gt=0, le=600)
    """How often the exported figures, and the count of overdue cases, are read anew."""
