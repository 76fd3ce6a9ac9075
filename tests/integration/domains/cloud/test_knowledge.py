"""The cloud domain's pages, searched and answered from in this process."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from learning.evaluation.answers import answered, is_grounded
from learning.evaluation.retrieval import ingest
from services.reasoner.agents.knowledge.answering import Answer, NotKnown
from services.retriever.files import documents_in
from services.retriever.ports import SHARED, Index
from services.retriever.stores.embedded import EmbeddedIndex

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = Path(__file__).parents[4]
PAGES = ROOT / "domains" / "cloud" / "knowledge"
DOMAIN = [orjson.loads(line) for line in (ROOT / "tests/data/knowledge/domain.jsonl").open("rb")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def index(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Index]:
    found = EmbeddedIndex(tmp_path_factory.mktemp("knowledge") / "index.db")
    await ingest(list(documents_in(PAGES, prefix="domain/")), found, tenant=SHARED)
    yield found
    await found.close()


async def said(text: str, index: Index) -> Answer | NotKnown:
    return await answered(text, index, tenant="acme")


async def test_every_page_is_short_and_has_a_title_and_a_language() -> None:
    pages = list(documents_in(PAGES, prefix=""))
    assert len(pages) >= 32
    for page in pages:
        assert re.search(rf"^# {re.escape(page.title)}$", page.text, re.MULTILINE), page.id
        assert page.language in ("en", "zh")
        assert (page.language == "zh") is page.id.startswith("zh-")
        assert 100 < len(page.text) < 2_500, page.id


async def test_most_questions_in_customers_words_are_answered_from_the_right_page(index: Index) -> None:
    answers = {row["question"]: await said(row["question"], index) for row in DOMAIN}
    sources = {question: each.citations[0].source for question, each in answers.items() if isinstance(each, Answer)}
    right = [row for row in DOMAIN if sources.get(row["question"]) == f"domain/{row['page']}"]
    assert len(right) >= 0.75 * len(DOMAIN), [row["question"] for row in DOMAIN if row not in right]
    wrong = [question for question in sources if question not in [row["question"] for row in right]]
    assert len(wrong) <= 0.1 * len(DOMAIN), wrong


async def test_every_answer_is_word_for_word_in_the_passages_it_cites(index: Index) -> None:
    for row in DOMAIN:
        answer = await said(row["question"], index)
        assert isinstance(answer, NotKnown) or await is_grounded(answer, index, tenant="acme")


async def test_two_questions_in_one_ticket_get_both_their_pages(index: Index) -> None:
    answer = await said(
        "What is the difference between stopping and terminating an instance? Do I pay while it is stopped?",
        index,
    )
    assert isinstance(answer, Answer)
    sources = [citation.source for citation in answer.citations]
    assert sources == ["domain/stop-terminate-reboot.md", "domain/stopped-instance-charges.md"]


async def test_what_the_pages_do_not_hold_is_not_known(index: Index) -> None:
    rows = [
        orjson.loads(line)
        for name in ("unanswerable.jsonl", "unanswerable_zh.jsonl")
        for line in (ROOT / "tests/data/knowledge" / name).open("rb")
    ]
    invented = [row for row in rows if isinstance(await said(row["question"], index), Answer)]
    assert [row["question"] for row in invented if row["split"] == "test"] == []
    assert len(invented) <= 0.02 * len(rows), invented
