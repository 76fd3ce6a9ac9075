"""What both stores of the index promise. Weaviate runs when AIVIS_TEST_WEAVIATE names it: http://HOST:PORT,GRPCPORT."""

import os
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from aivis.embedding import DIMENSIONS
from aivis.errors import NotFound
from services.retriever.indexing import index_document, question
from services.retriever.passages import cut, version
from services.retriever.ports import SHARED, Document, Index
from services.retriever.stores.embedded import EmbeddedIndex


class WordVectors:
    """An embedder of the test's own: texts with a word in common are alike. Counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(
        self, texts: Sequence[str], *, tokens: int = 128
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        self.asked += texts
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, sum(word.encode(errors="replace")) % DIMENSIONS] += 1
            vectors[row] /= max(float(np.linalg.norm(vectors[row])), 1e-9)
        return vectors


def weaviate_address() -> str:
    address = os.environ.get("AIVIS_TEST_WEAVIATE", "")
    if not address:
        pytest.skip("AIVIS_TEST_WEAVIATE is not set: `make servers` starts Weaviate and says what to set")
    return address


@pytest.fixture(params=["embedded", "weaviate"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Index]:
    if request.param == "embedded":
        embedded = EmbeddedIndex(tmp_path / "index.db")
        yield embedded
        await embedded.close()
        return
    address = weaviate_address()
    from services.retriever.stores.weaviate import WeaviateIndex

    index = WeaviateIndex(address, prefix=f"Test{uuid.uuid4().hex}", rarity_seconds=0)
    yield index
    await index.drop()
    await index.close()


@pytest.fixture
def embed() -> WordVectors:
    return WordVectors()


STOPPING = Document(
    "stopping.md",
    "Stopping instances",
    "# Stopping instances\n\nA stopped instance keeps its volumes.\n\n## Addresses\n\nThe public address is released.",
    "https://docs.example/stopping",
)
VOLUMES = Document(
    "volumes.md", "Volumes", "# Volumes\n\nA volume grows and never shrinks.", "https://docs.example/vol"
)
CHINESE = Document(
    "zh.md", "安全组", "# 安全组\n\n安全组控制实例的入站和出站流量。", "https://docs.example/zh", language="zh"
)


async def ask(index: Index, embed: WordVectors, tenant: str, text: str, **asked: object) -> list[str]:
    hits = await index.search(tenant, await question(text, embed, **asked))  # type: ignore[arg-type]
    return [hit.passage.text for hit in hits]


async def test_a_passage_is_found_with_all_that_a_citation_needs(index: Index, embed: WordVectors) -> None:
    await index_document("acme", STOPPING, index, embed)
    best, *_ = await index.search("acme", await question("which public address is released", embed))
    assert best.passage == cut(STOPPING)[1]
    assert best.passage.section == "Addresses"
    assert best.passage.source == "https://docs.example/stopping"
    assert await index.get("acme", best.passage.id) == best.passage


async def test_hits_come_best_first_with_figures_in_their_ranges(index: Index, embed: WordVectors) -> None:
    for document in (STOPPING, VOLUMES):
        await index_document("acme", document, index, embed)
    hits = await index.search("acme", await question("a stopped instance keeps its volumes", embed))
    scores = [hit.score for hit in hits]
    assert hits[0].passage.text == "A stopped instance keeps its volumes."
    assert scores == sorted(scores, reverse=True)
    assert all(0 < hit.score <= 1 and -1 <= hit.similarity <= 1.001 and 0 <= hit.coverage <= 1 for hit in hits)
    assert hits[0].coverage == pytest.approx(1)
    assert hits[0].similarity > 0.5


async def test_coverage_counts_a_rare_word_more_than_a_common_one(index: Index, embed: WordVectors) -> None:
    for place in range(8):
        text = f"The gateway of subnet {place}." + (" Quota raised." if place == 0 else "")
        await index_document("acme", Document(f"d{place}", f"Page {place}", text, "s"), index, embed)
    hits = await index.search("acme", await question("gateway quota", embed, limit=8))
    held = {hit.passage.document_id: hit.coverage for hit in hits}
    assert held["d0"] == pytest.approx(1)
    assert held["d1"] < 0.2


async def test_what_was_withdrawn_no_longer_makes_a_word_common(index: Index, embed: WordVectors) -> None:
    texts = ["The gateway.", "The quota.", *(f"The gateway of {place}." for place in range(10))]
    for place, text in enumerate(texts):
        await index_document("acme", Document(f"d{place}", "Page", text, "s"), index, embed)
    for place in range(2, len(texts)):
        await index.withdraw("acme", f"d{place}")
    hits = await index.search("acme", await question("gateway quota", embed))
    assert {hit.passage.document_id: hit.coverage for hit in hits} == pytest.approx({"d0": 0.5, "d1": 0.5})


async def test_tenants_see_nothing_of_each_other(index: Index, embed: WordVectors) -> None:
    await index_document("acme", STOPPING, index, embed)
    await index_document("globex", VOLUMES, index, embed)
    assert await ask(index, embed, "globex", "stopped instance public address") == []
    with pytest.raises(NotFound, match="globex"):
        await index.get("globex", cut(STOPPING)[0].id)
    await index.withdraw("globex", STOPPING.id)
    assert await ask(index, embed, "acme", "public address") != []


@pytest.mark.parametrize("tenant", ["a.b", "x_1", "A" * 90, "_odd-one"])
async def test_every_tenant_name_the_contracts_allow_works(index: Index, embed: WordVectors, tenant: str) -> None:
    await index_document(tenant, STOPPING, index, embed)
    assert await ask(index, embed, tenant, "public address released") != []
    assert await ask(index, embed, "other", "public address released") == []


async def test_shared_knowledge_is_seen_by_all_beside_their_own(index: Index, embed: WordVectors) -> None:
    await index_document(SHARED, VOLUMES, index, embed)
    await index_document("acme", STOPPING, index, embed)
    found = await ask(index, embed, "acme", "volumes of a stopped instance")
    assert {"A volume grows and never shrinks.", "A stopped instance keeps its volumes."} <= set(found)
    assert await ask(index, embed, "globex", "volume grows") == ["A volume grows and never shrinks."]
    passage = cut(VOLUMES)[0]
    assert await index.get("globex", passage.id) == passage


async def test_a_new_version_takes_the_place_of_the_old(index: Index, embed: WordVectors) -> None:
    await index_document("acme", STOPPING, index, embed)
    old = cut(STOPPING)
    newer = Document(STOPPING.id, STOPPING.title, STOPPING.text.replace("released", "kept"), STOPPING.source)
    assert await index_document("acme", newer, index, embed)
    assert await index.version("acme", STOPPING.id) == version(newer)
    assert (await ask(index, embed, "acme", "public address"))[0] == "The public address is kept."
    with pytest.raises(NotFound):
        await index.get("acme", old[1].id)
    assert (await index.get("acme", old[0].id)).version == version(newer)


async def test_the_same_version_again_is_passed_over(index: Index, embed: WordVectors) -> None:
    assert await index_document("acme", STOPPING, index, embed)
    embed.asked.clear()
    assert not await index_document("acme", STOPPING, index, embed)
    assert embed.asked == []


async def test_only_passages_that_changed_are_embedded_again(index: Index, embed: WordVectors) -> None:
    await index_document("acme", STOPPING, index, embed)
    embed.asked.clear()
    newer = Document(STOPPING.id, STOPPING.title, STOPPING.text.replace("released", "kept"), STOPPING.source)
    await index_document("acme", newer, index, embed)
    assert embed.asked == ["Stopping instances > Addresses\nThe public address is kept."]
    best, *_ = await index.search("acme", await question("stopped instance keeps volumes", embed))
    assert best.similarity > 0.3


async def test_a_replacement_that_was_cut_short_counts_as_no_version(index: Index, embed: WordVectors) -> None:
    assert await index.version("acme", STOPPING.id) is None
    await index_document("acme", STOPPING, index, embed)
    assert await index.version("globex", STOPPING.id) is None
    await index.withdraw("acme", STOPPING.id)
    assert await index.version("acme", STOPPING.id) is None


async def test_a_withdrawn_document_is_not_found_any_more(index: Index, embed: WordVectors) -> None:
    for document in (STOPPING, VOLUMES):
        await index_document("acme", document, index, embed)
    await index.withdraw("acme", STOPPING.id)
    await index.withdraw("acme", STOPPING.id)
    await index.withdraw("acme", "never published")
    found = await ask(index, embed, "acme", "stopped instance volume address")
    assert found == ["A volume grows and never shrinks."]


async def test_a_document_that_becomes_empty_leaves_nothing_behind(index: Index, embed: WordVectors) -> None:
    await index_document("acme", STOPPING, index, embed)
    await index_document("acme", Document(STOPPING.id, STOPPING.title, "", STOPPING.source), index, embed)
    assert await ask(index, embed, "acme", "stopped instance public address") == []


async def test_chinese_is_found_by_pairs_of_characters(index: Index, embed: WordVectors) -> None:
    for document in (CHINESE, STOPPING):
        await index_document("acme", document, index, embed)
    best, *_ = await index.search("acme", await question("怎样限制入站流量？", embed))
    assert best.passage.document_id == "zh.md"
    assert best.similarity == 0
    assert 0.2 < best.coverage < 1


async def test_a_language_asked_for_leaves_out_the_others(index: Index, embed: WordVectors) -> None:
    both = Document("both.md", "安全组 instance", "安全组 stopped instance", "s", language="zh")
    for document in (both, STOPPING):
        await index_document("acme", document, index, embed)
    assert await ask(index, embed, "acme", "stopped instance", language="zh") == ["安全组 stopped instance"]
    assert "安全组 stopped instance" not in await ask(index, embed, "acme", "stopped instance", language="en")


async def test_no_more_than_the_limit_is_given(index: Index, embed: WordVectors) -> None:
    for place in range(6):
        await index_document("acme", Document(f"d{place}", "Page", f"instance number {place}", "s"), index, embed)
    assert len(await ask(index, embed, "acme", "instance", limit=4)) == 4


@pytest.mark.parametrize(
    "text", ["", "   ", "?!", "the of and", "zyzzyva", "\ud800", "'; drop table passages; --", "*" * 5_000]
)
async def test_a_question_without_an_answer_finds_nothing_and_harms_nothing(
    index: Index, embed: WordVectors, text: str
) -> None:
    await index_document("acme", CHINESE, index, embed)
    assert await ask(index, embed, "acme", text) == []
    assert await ask(index, embed, "nobody", text) == []
    assert await ask(index, embed, "acme", "安全组") != []


async def test_an_unknown_passage_is_said_by_name(index: Index) -> None:
    with pytest.raises(NotFound, match="no-such-passage"):
        await index.get("acme", "no-such-passage")
    with pytest.raises(NotFound):
        await index.get("acme", str(uuid.uuid4()))


async def test_a_large_document_is_kept_whole(index: Index, embed: WordVectors) -> None:
    text = "\n\n".join(f"## Section {place}\n\nword{place} belongs here." for place in range(450))
    large = Document("large.md", "Large", text, "s")
    await index_document("acme", large, index, embed)
    assert await index.version("acme", "large.md") == version(large)
    assert await ask(index, embed, "acme", "word449", limit=1) == ["word449 belongs here."]
    assert len(await index.vectors("acme", "large.md")) == 450


async def test_the_index_says_that_it_is_well(index: Index) -> None:
    await index.check()


async def test_the_documents_of_a_tenant_are_its_own_alone(index: Index, embed: WordVectors) -> None:
    await index_document("acme", STOPPING, index, embed)
    await index_document("acme", VOLUMES, index, embed)
    await index_document(SHARED, CHINESE, index, embed)
    assert await index.documents("acme") == {STOPPING.id, VOLUMES.id}
    assert await index.documents("globex") == set()
