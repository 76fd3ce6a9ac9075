"""Settings of the executor, each `AIVIS_EXECUTOR_NAME`."""

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, SecretStr

from aivis.events.actions import Autonomy
from aivis.settings import ServiceSettings


def _listed(value: Any) -> Any:
    """Addresses as a JSON list, or comma separated."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class ExecutorSettings(ServiceSettings):
    """What the executor needs to know."""

    PART: ClassVar[str] = "executor"

    in_flight: int = Field(default=2_000, ge=1, le=100_000)
    """Actions worked on at once."""
    tool_calls: int = Field(default=1_000, ge=1, le=100_000)
    """Calls of one tool under way at once; of them three quarters for a tenant that is alone. Further ones wait."""
    tool_servers: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Addresses (HOST:PORT) of gRPC tool servers."""
    retriever: str = ""
    """Address (HOST:PORT) of the retriever's gRPC; empty: the tool knowledge.search does not exist."""
    autonomy: Autonomy = Autonomy.AUTOPILOT
    """How far the agent may go anywhere; a ticket's class may allow less."""
    token: SecretStr = SecretStr("")
    """Bearer token of the HTTP API; empty: only callers on this machine are answered."""
    refresh_seconds: float = Field(default=30, gt=0, le=3_600)
    """How often tool servers are asked for their tools."""
    retry_seconds: float = Field(default=120, ge=0, le=86_400)
    """How long a call that did nothing is tried again."""
    busy_seconds: float = Field(default=120, ge=0, le=86_400)
    """How long to wait for a resource on which another effect is not settled, or for a tool with too many calls."""
    settle_seconds: float = Field(default=600, ge=0, le=86_400)
    """How long to find out by machine what became of an effect, before people are asked."""
    freeze_seconds: float = Field(default=600, ge=0, le=86_400)
    """How long an effect waits for the end of a change freeze; one that would wait longer fails at once."""
    approval_seconds: float = Field(default=8 * 3_600, gt=0, le=30 * 86_400)
    """How long an approval that was asked for may be given."""
    reask_seconds: float = Field(default=300, gt=0, le=86_400)
    """How often an approval is asked for again."""
