"""The retriever's settings, under `AIVIS_RETRIEVER_`."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr

from aivis.settings import ServiceSettings


class RetrieverSettings(ServiceSettings):
    PART: ClassVar[str] = "retriever"

    grpc_port: int = Field(default=9090, ge=0, le=65_535)
    weaviate: str = ""
    """`http://HOST:PORT,GRPCPORT`; empty keeps the index in the file `index`, which suits one replica."""
    index: Path = Path(".aivis/index.db")
    in_flight: int = Field(default=4, ge=1, le=1_000)
    """Documents indexed at once. A question waits behind each for one batch of embeddings: keep it low."""
    token: SecretStr = SecretStr("")
    """Bearer token of the HTTP API; empty: only callers on this machine are answered."""
    max_request_bytes: int = Field(default=32 * 1024 * 1024, ge=1_024)
    """Of a document handed in by HTTP."""
