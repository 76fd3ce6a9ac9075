"""The artifact store: content by its digest. What is too large for an event travels by reference to here."""

import asyncio
import hashlib
from pathlib import Path

from aivis.errors import Invalid, NotFound
from aivis.events.tickets import Artifact

MAX_ARTIFACT_BYTES = 64 * 1024 * 1024


class ArtifactStore:
    """Content-addressed files under `folder`, apart by tenant."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, tenant: str, content: bytes, *, media_type: str, name: str = "") -> Artifact:
        """Keep `content`, durably; the same content twice is kept once."""
        if len(content) > MAX_ARTIFACT_BYTES:
            raise Invalid(f"artifact {name!r} is {len(content)} bytes; at most {MAX_ARTIFACT_BYTES} are kept")
        digest = hashlib.sha256(content).hexdigest()
        await asyncio.to_thread(self._write, self._path(tenant, digest), content)
        return Artifact(digest=digest, size=len(content), media_type=media_type, name=name)

    async def get(self, tenant: str, artifact: Artifact) -> bytes:
        """The content; `NotFound` when it is not there, or another tenant's."""
        try:
            return await asyncio.to_thread(self._path(tenant, artifact.digest).read_bytes)
        except FileNotFoundError as error:
            raise NotFound(f"artifact {artifact.digest} of tenant {tenant} is not in {self._folder}") from error

    def _path(self, tenant: str, digest: str) -> Path:
        if not digest.isalnum() or "/" in tenant or tenant.startswith("."):
            raise Invalid(f"artifact {digest!r} of tenant {tenant!r}: not a digest and a tenant")
        return self._folder / tenant / digest[:2] / digest

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{id(content)}")
        partial.write_bytes(content)
        partial.rename(path)
