"""The gateway's settings, `AIVIS_GATEWAY_...`."""

import re
from datetime import timedelta
from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from aivis.access import Grant, Role
from aivis.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    PART: ClassVar[str] = "gateway"

    sources: dict[str, str] = {}
    """Upstream sources that publish on `aivis.intake.SOURCE`, each with its tenant."""
    keys: tuple[Grant, ...] = ()
    """API keys, by their hashes; those of role `upstream` are the gateway's."""
    ask_again_seconds: float = Field(default=15, gt=0, le=3600)
    """How long to wait for the case's first event before the ticket is published again; doubles up to ten minutes."""
    requests: int = Field(default=64, ge=2, le=10_000)
    """Submissions and attachments read and made durable at once; further ones are turned away (429)."""
    reads: int = Field(default=64, ge=2, le=10_000)
    """Other requests answered at once, those that wait or stream left out."""
    waiting: int = Field(default=2_000, ge=10, le=100_000)
    """Messages in the inbox at which submissions are turned away; the consumer pauses at 5,000."""
    unheard: int = Field(default=20_000, ge=10, le=1_000_000)
    """Tickets that no service behind has taken up yet, at which submissions are turned away."""
    heartbeat_seconds: float = Field(default=15, gt=0, le=300)
    """How often a silent event stream says that it is alive."""

    @property
    def ask_again(self) -> timedelta:
        return timedelta(seconds=self.ask_again_seconds)

    @field_validator("sources")
    @classmethod
    def _names(cls, sources: dict[str, str]) -> dict[str, str]:
        for name in (*sources, *sources.values()):
            if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name):
                raise ValueError(f"{name!r} is no name: names are letters, digits, '.', '_' and '-'")
        return sources

    @field_validator("keys")
    @classmethod
    def _one_tenant_each(cls, keys: tuple[Grant, ...], info: ValidationInfo) -> tuple[Grant, ...]:
        sources: dict[str, str] = info.data.get("sources", {})
        for grant in keys:
            if grant.role is not Role.UPSTREAM:
                continue
            if len(grant.tenants) != 1:
                raise ValueError(f"{grant.name}: a key of the gateway is one tenant's, not {len(grant.tenants)}'s")
            if sources.get(grant.source, grant.tenants[0]) != grant.tenants[0]:
                raise ValueError(f"{grant.name}: source {grant.source} is tenant {sources[grant.source]}'s")
        return keys
