"""The reasoner's settings, `AIVIS_REASONER_...`."""

from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from aivis.events.envelope import JsonObject
from aivis.settings import ServiceSettings
from services.reasoner.deadlines import Patience
from services.reasoner.guards import Budget


class ReasonerSettings(ServiceSettings):
    PART: ClassVar[str] = "reasoner"

    model_url: str = ""
    """An OpenAI-compatible endpoint; empty: the playbook decides alone."""
    model_name: str = ""
    model_key: str = Field(default="", repr=False)
    model_timeout: float = Field(default=60, gt=0)
    """Seconds for one answer, streaming included."""
    model_tokens: int = Field(default=24_000, ge=4_000)
    """Tokens of one question: task, modules, tools and results."""
    model_options: JsonObject = {"temperature": 0, "max_tokens": 2_000}
    """Further fields of every request, as the endpoint knows them."""
    model_in_flight: int = Field(default=32, ge=1)
    """Questions at once; further ones wait."""
    max_actions: int = Field(default=60, ge=1)
    max_tokens: int = Field(default=200_000, ge=0)
    max_minutes: float = Field(default=30, gt=0)
    """Wall time of a case that waits neither for its customer nor for an expert."""
    remind_seconds: float = Field(default=15, gt=0, le=600)
    """How long an answer of another service may take before it is asked for again; doubles up to ten minutes."""

    customer_hours: float = Field(default=24, gt=0, le=720)
    """How long a customer may take to answer before they are reminded, once."""
    closing_hours: float = Field(default=72, gt=0, le=2_160)
    """How long after the reminder the case is closed; a later message opens it again."""
    expert_minutes: float = Field(default=60, gt=0, le=10_080)
    """How long a case may wait for an expert before it is called overdue; said again, doubling up to a day."""

    @property
    def patience(self) -> Patience:
        return Patience(
            reminder=timedelta(hours=self.customer_hours),
            closing=timedelta(hours=self.closing_hours),
            expert=timedelta(minutes=self.expert_minutes),
        )

    @property
    def budget(self) -> Budget:
        return Budget(actions=self.max_actions, tokens=self.max_tokens, wall=timedelta(minutes=self.max_minutes))
