"""The artifact store: content by its digest, apart by tenant, whole or not at all."""

import hashlib
from collections.abc import AsyncIterable
from pathlib import Path

import pytest

from aivis import artifacts
from aivis.artifacts import ArtifactStore
from aivis.errors import Invalid, NotFound
from aivis.events.tickets import Artifact

CONTENT = b"a picture of a timeout"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_what_is_put_is_got_by_its_digest(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    artifact = await store.put("acme", CONTENT, media_type="image/png", name="timeout.png")
    assert artifact == Artifact(
        digest=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT), media_type="image/png", name="timeout.png"
    )
    assert await store.get("acme", artifact) == CONTENT
    assert await store.has("acme", artifact)


async def test_the_same_content_is_kept_once(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    for name in ("a", "b"):
        await store.put("acme", CONTENT, media_type="text/plain", name=name)
    assert len(files(tmp_path)) == 1


async def test_another_tenant_s_content_is_not_there(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    artifact = await store.put("acme", CONTENT, media_type="text/plain")
    assert not await store.has("globex", artifact)
    with pytest.raises(NotFound, match=f"artifact {artifact.digest} of tenant globex is not in"):
        await store.get("globex", artifact)


async def test_content_of_another_size_is_not_the_content(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    artifact = await store.put("acme", CONTENT, media_type="text/plain")
    assert not await store.has("acme", artifact.model_copy(update={"size": 1}))


async def test_a_stream_is_kept_whole(tmp_path: Path) -> None:
    async def chunks() -> AsyncIterable[bytes]:
        for n in range(40):
            yield bytes([n]) * 100_000

    store = ArtifactStore(tmp_path)
    artifact = await store.put_stream("acme", chunks(), media_type="application/octet-stream")
    whole = b"".join(bytes([n]) * 100_000 for n in range(40))
    assert (artifact.size, artifact.digest) == (4_000_000, hashlib.sha256(whole).hexdigest())
    assert await store.get("acme", artifact) == whole


async def test_of_a_stream_that_breaks_off_nothing_is_kept(tmp_path: Path) -> None:
    async def chunks() -> AsyncIterable[bytes]:
        yield b"x" * 2_000_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await ArtifactStore(tmp_path).put_stream("acme", chunks(), media_type="text/plain")
    assert files(tmp_path) == []


async def test_what_is_too_large_is_refused_before_it_is_all_there_and_nothing_is_kept(tmp_path: Path) -> None:
    sent = []

    async def chunks() -> AsyncIterable[bytes]:
        for _ in range(1_000):
            sent.append(1)
            yield bytes(1024 * 1024)

    with pytest.raises(Invalid, match="artifact 'dump' is larger than the 67108864 bytes"):
        await ArtifactStore(tmp_path).put_stream("acme", chunks(), media_type="text/plain", name="dump")
    assert files(tmp_path) == []
    assert len(sent) == artifacts.MAX_ARTIFACT_BYTES // (1024 * 1024) + 1


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "a/b", "a.b", "é"])
async def test_what_is_no_digest_opens_no_file(tmp_path: Path, digest: str) -> None:
    with pytest.raises(Invalid, match="not a digest"):
        await ArtifactStore(tmp_path).get("acme", Artifact(digest=digest, size=1, media_type="text/plain"))


@pytest.mark.parametrize("tenant", ["", "..", ".", "a/b", "../acme", "/", "a\x00"])
async def test_what_is_no_tenant_s_name_makes_no_folder(tmp_path: Path, tenant: str) -> None:
    with pytest.raises(Invalid, match="is not a tenant's name"):
        await ArtifactStore(tmp_path / "artifacts").put(tenant, CONTENT, media_type="text/plain")
    assert files(tmp_path) == []
