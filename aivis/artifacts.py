"""The artifact store: content by its digest. What is too large for an event travels by reference to here."""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterable
from pathlib import Path
from typing import BinaryIO

from aivis.errors import Invalid, NotFound
from aivis.events.tickets import Artifact
from aivis.failpoints import around

MAX_ARTIFACT_BYTES = 64 * 1024 * 1024
_WRITE_BYTES = 1024 * 1024
"""How much of a stream is held before it is written."""


class ArtifactStore:
    """Content-addressed files under `folder`, apart by tenant."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, tenant: str, content: bytes, *, media_type: str, name: str = "") -> Artifact:
        """Keep `content`, durably; the same content twice is kept once."""

        async def whole() -> AsyncIterable[bytes]:
            yield content

        return await self.put_stream(tenant, whole(), media_type=media_type, name=name)

    async def put_stream(
        self, tenant: str, chunks: AsyncIterable[bytes], *, media_type: str, name: str = ""
    ) -> Artifact:
        """Keep what `chunks` yields, durably, with about a mebibyte of it in memory at a time.

        `Invalid` when it is over the limit; then, and when `chunks` raises, nothing is kept.
        """
        partial = self._folder_of(tenant) / f".partial-{secrets.token_hex(8)}"
        file = await asyncio.to_thread(_new, partial)
        try:
            with file:
                digest, size = await _copy(chunks, file, name)
            await asyncio.to_thread(_move, partial, self._path(tenant, digest))
        finally:
            await asyncio.to_thread(partial.unlink, missing_ok=True)
        return Artifact(digest=digest, size=size, media_type=media_type, name=name)

    async def has(self, tenant: str, artifact: Artifact) -> bool:
        """Whether the tenant's content of that digest and size is here."""
        path = self._path(tenant, artifact.digest)
        try:
            return (await asyncio.to_thread(path.stat)).st_size == artifact.size
        except FileNotFoundError:
            return False

    async def get(self, tenant: str, artifact: Artifact) -> bytes:
        """The content; `NotFound` when it is not there, or another tenant's."""
        try:
            return await asyncio.to_thread(self._path(tenant, artifact.digest).read_bytes)
        except FileNotFoundError as error:
            raise NotFound(f"artifact {artifact.digest} of tenant {tenant} is not in {self._folder}") from error

    def _path(self, tenant: str, digest: str) -> Path:
        if not (digest.isascii() and digest.isalnum()):
            raise Invalid(f"artifact {digest!r} of tenant {tenant!r}: not a digest")
        return self._folder_of(tenant) / digest[:2] / digest

    def _folder_of(self, tenant: str) -> Path:
        if not tenant.isprintable() or not tenant or "/" in tenant or tenant.startswith("."):
            raise Invalid(f"{tenant!r} is not a tenant's name")
        return self._folder / tenant


async def _copy(chunks: AsyncIterable[bytes], file: BinaryIO, name: str) -> tuple[str, int]:
    """Write `chunks` to `file` and through to the disk; their digest and size."""
    hasher, size, waiting = hashlib.sha256(), 0, bytearray()
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_ARTIFACT_BYTES:
            raise Invalid(f"artifact {name!r} is larger than the {MAX_ARTIFACT_BYTES} bytes that are kept")
        hasher.update(chunk)
        waiting += chunk
        if len(waiting) >= _WRITE_BYTES:
            await asyncio.to_thread(file.write, waiting)
            waiting = bytearray()
    await asyncio.to_thread(_write_through, file, waiting)
    return hasher.hexdigest(), size


def _new(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def _write_through(file: BinaryIO, content: bytes | bytearray) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _move(partial: Path, path: Path) -> None:
    """Under its name only when it is whole; the folder's entry is durable too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with around("artifacts.put"):
        partial.replace(path)
    for folder in (path.parent, path.parent.parent):
        entry = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)
