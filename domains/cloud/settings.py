"""Settings of the cloud's tool server: AIVIS_CLOUD_..."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from aivis.settings import Settings


class CloudSettings(Settings):
    """What the tool server needs to know."""

    PART: ClassVar[str] = "cloud"

    listen: str = Field(default="127.0.0.1:7010", pattern=r"^\S+:\d{1,5}$")
    """HOST:PORT of the gRPC server; port 0 takes a free one."""
    endpoint: str = ""
    """The EC2 API; empty takes the real cloud's for the region."""
    region: str = "us-east-1"
    access_key_id: str = ""
    """Empty takes boto3's default chain."""
    secret_access_key: str = Field(default="", repr=False)
    tenants: Path | None = None
    """JSON file of credentials per tenant; without it all tenants share one account."""
    journal: Path = Path(".aivis/cloud-journal.db")
    """SQLite file of the idempotency keys used."""
    journal_days: int = Field(default=30, ge=1, le=3_650)
    threads: int = Field(default=16, ge=1, le=500)
    """Calls worked on at once."""
