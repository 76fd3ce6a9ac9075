"""What each store promises beyond the shared contract: files that last, servers that are away."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from aivis.embedding import DIMENSIONS, Vectors
from aivis.errors import Invalid, Transient
from services.retriever.indexing import index_document, question
from services.retriever.passages import version
from services.retriever.ports import Document
from services.retriever.stores.embedded import EmbeddedIndex
from services.retriever.stores.weaviate import WeaviateIndex
from services.retriever.stores.weaviate_collection import name, tenant_name
from tests.integration.services.broker import free_port

PAGE = Document("d", "Page", "Gateways carry traffic.", "s")


async def upwards(texts: Sequence[str], *, tokens: int = 128) -> Vectors:
    vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    vectors[:, 0] = 1
    return vectors


async def test_what_was_indexed_is_there_after_the_process(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "index.db"
    first = EmbeddedIndex(path)
    await index_document("acme", PAGE, first, upwards)
    before = await first.search("acme", await question("gateways", upwards))
    await first.close()
    second = EmbeddedIndex(path)
    assert await second.search("acme", await question("gateways", upwards)) == before
    assert not await index_document("acme", PAGE, second, upwards)
    await second.close()


async def test_vectors_of_another_model_are_forgotten_and_words_still_find(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    first = EmbeddedIndex(path)
    await index_document("acme", PAGE, first, upwards)
    await first.close()
    with sqlite3.connect(path) as database:
        database.execute("update meta set value = 'an older model' where name = 'model'")
    database.close()
    second = EmbeddedIndex(path)
    (hit,) = await second.search("acme", await question("gateways", upwards))
    assert (hit.similarity, hit.coverage) == (0.0, 1.0)
    assert await index_document("acme", PAGE, second, upwards)
    (hit,) = await second.search("acme", await question("gateways", upwards))
    assert hit.similarity == pytest.approx(1)
    await second.close()


async def test_many_replacements_leave_only_the_last_to_be_found(tmp_path: Path) -> None:
    index = EmbeddedIndex(tmp_path / "index.db")
    for turn in range(30):
        text = "\n\n".join(f"## Part {part}\n\nTurn{turn} of part {part}." for part in range(60))
        await index_document("acme", Document("d", "Page", text, "s"), index, upwards)
    assert await index.search("acme", await question("turn28", upwards, limit=1)) != []
    found = [hit for hit in await index.search("acme", await question("turn28", upwards, limit=5)) if hit.coverage]
    assert found == []
    (best,) = await index.search("acme", await question("turn29 part 59", upwards, limit=1))
    assert best.passage.text == "Turn29 of part 59."
    await index.close()


async def test_a_file_that_is_no_index_is_said_by_name(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(Transient, match=r"index\.db"):
        await EmbeddedIndex(path).check()


async def test_a_weaviate_that_is_away_is_transient_and_says_what_to_look_at() -> None:
    address = f"http://127.0.0.1:{free_port()},{free_port()}"
    index = WeaviateIndex(address, seconds=5)
    with pytest.raises(Transient, match=rf"{address}.*AIVIS_RETRIEVER_WEAVIATE"):
        await index.check()
    with pytest.raises(Transient):
        await index.search("acme", await question("gateways", upwards))
    await index.close()


@pytest.mark.parametrize("address", ["127.0.0.1:8080", "http://host", "http://host:80", "http://h:1,x", ""])
def test_an_address_that_is_no_weaviates_is_refused_with_its_form(address: str) -> None:
    with pytest.raises(Invalid, match="http://HOST:PORT,GRPCPORT"):
        WeaviateIndex(address)


def test_tenants_never_share_a_name_in_weaviate() -> None:
    ours = ["acme", "a.b", "a_b", "x_", "x_" + "0" * 40, "a" * 60, "a" * 61, "a" * 100, "_shared", "A", "a"]
    theirs = [tenant_name(each) for each in ours]
    assert len(set(theirs)) == len(ours)
    assert tenant_name("acme") == "acme"
    assert tenant_name(tenant_name("a.b")) != tenant_name("a.b")
    assert all(len(each) <= 64 and each.replace("_", "").replace("-", "").isalnum() for each in theirs)


def test_vectors_of_different_models_lie_in_different_collections() -> None:
    assert name("Aivis", "one") != name("Aivis", "other")


def test_a_version_is_of_the_content() -> None:
    assert version(PAGE) != version(Document("d", "Page", "Gateways carry no traffic.", "s"))
