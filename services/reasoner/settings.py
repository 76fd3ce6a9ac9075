"""The reasoner's settings, `AIVIS_REASONER_...`."""

from datetime import timedelta
from math import inf
from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from aivis.events.envelope import JsonObject
from aivis.settings import ServiceSettings
from services.reasoner.deadlines import Patience
from services.reasoner.guards import Budget, Prices

_COMPLETION = 4_000
"""Where AIVIS_REASONER_MODEL_OPTIONS names no bound."""


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
    """Questions at once; further ones wait, the tenants in turn."""
    model_pause_seconds: float = Field(default=30, ge=0, le=300)
    """For how long a model that failed is left alone, when it does not ask for longer."""
    model_prompt_price: float = Field(default=0, ge=0)
    """Of a million tokens of questions."""
    model_completion_price: float = Field(default=0, ge=0)
    """Of a million tokens of answers."""
    max_actions: int = Field(default=60, ge=1)
    max_tokens: int = Field(default=200_000, ge=0)
    max_money: float = Field(default=0, ge=0)
    """What a case's tokens may cost, in the currency of the prices; 0: no bound."""
    soft_limit: float = Field(default=0.8, gt=0, le=1)
    """Share of a limit from which on the model is asked no more."""
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
        return Budget(
            actions=self.max_actions,
            tokens=self.max_tokens,
            money=self.max_money or inf,
            prices=Prices(self.model_prompt_price, self.model_completion_price),
            wall=timedelta(minutes=self.max_minutes),
            soft=self.soft_limit,
        )

    @property
    def completion(self) -> int:
        """Tokens that an answer of the model takes at most."""
        said = [self.model_options.get(name) for name in ("max_completion_tokens", "max_tokens")]
        return next((most for most in said if isinstance(most, int)), _COMPLETION)

    @field_validator("max_money")
    @classmethod
    def _has_prices(cls, money: float, info: ValidationInfo) -> float:
        if money and not (info.data.get("model_prompt_price") or info.data.get("model_completion_price")):
            raise ValueError("set AIVIS_REASONER_MODEL_PROMPT_PRICE and AIVIS_REASONER_MODEL_COMPLETION_PRICE too")
        return money
