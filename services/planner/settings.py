"""The planner's settings, under `AIVIS_PLANNER_`."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from aivis.settings import ServiceSettings


class PlannerSettings(ServiceSettings):
    PART: ClassVar[str] = "planner"

    cache: Path = Path(".aivis/cache")
    """Where a trained classifier is kept, under the digest of what it was trained on."""
    in_flight: int = Field(default=8, ge=1, le=1_000)
    """Requests taken up at once. Plans are made one after the other, a few tens of milliseconds each."""
